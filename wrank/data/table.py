"""A table of texts on disk, mapped into memory: opens in milliseconds, shared by processes, for millions of rows.

A folder of flat files, little-endian: ``texts.bin`` and ``ids.bin`` (UTF-8, one after another) with int64 offsets;
the 64-bit hashes of the ids, sorted, with their rows (id -> row by binary search; the id itself is compared, so equal
hashes are harmless); a 63-bit key a text, to find equal texts; ``meta.json``, which names the size of each file.
"""

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wrank.data import text_hash
from wrank.data.folder import META, build_once, mapped, read_meta
from wrank.data.table_base import Table
from wrank.data.table_writer import Block, blocks_of, write_table

_MANY = 1 << 19  # ids looked up at once; more take more memory


class TextTable(Table):
    """A table in a folder. Pickled as its path, so that workers map it anew.

    Args:
        folder: what `build` made; its name is the table's key.

    Raises:
        WrankError: no table there, another format, or a file of the wrong size.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.key = self.folder.name
        self.meta = read_meta(self.folder, "table of texts")
        self._texts, self._text_offsets = self._blob("texts"), self._numbers("text_offsets")
        self._ids, self._id_offsets = self._blob("ids"), self._numbers("id_offsets")
        self._hashes, self._rows = self._numbers("id_hashes", "<u8"), self._numbers("id_rows", "<i4")
        self._keys = self._numbers("text_keys")

    @classmethod
    def build(cls, rows: Iterable[tuple[str, str]], folder: Path) -> "TextTable":
        """Writes a table and opens it; opens the one that is there already, or that another process is building.

        Memory stays small whatever the texts' size: about 30 bytes a row. The folder appears whole or not at all.

        Args:
            rows: (id, text), read once.
            folder: where; its parents are made.

        Raises:
            DuplicateId: an id comes twice.
            WrankError: a full disk, a place that cannot be written, and what `rows` raises.
        """
        return cls.build_of_blocks(blocks_of(rows), folder)

    @classmethod
    def build_of_blocks(cls, blocks: Iterable[Block], folder: Path) -> "TextTable":
        """As `build`, from rows that come many at once."""
        build_once(folder, lambda partial: write_table(blocks, partial))
        return cls(folder)

    @classmethod
    def is_built(cls, folder: Path) -> bool:
        """Whether a whole table is there."""
        return (folder / META).is_file()

    def __reduce__(self) -> tuple[type["TextTable"], tuple[Path]]:
        return TextTable, (self.folder,)

    @property
    def ids(self) -> Sequence[str]:
        """All ids by row, decoded when asked for."""
        return _Column(self.folder, "ids", self._ids, self._id_offsets)

    @property
    def all_texts(self) -> Sequence[str]:
        """All texts by row, decoded when asked for."""
        return _Column(self.folder, "all_texts", self._texts, self._text_offsets)

    @property
    def keys(self) -> np.ndarray:
        """int64 key of each row's text; see `wrank.data.text_hash.text_key`."""
        return self._keys

    def find(self, id: str) -> int | None:
        """The row of an id, or None."""
        try:
            wanted = id.encode("utf-8")
        except UnicodeEncodeError:
            return None
        hash_ = np.uint64(text_hash.hash64(wanted))
        for place in range(int(self._hashes.searchsorted(hash_)), len(self)):
            if self._hashes[place] != hash_:
                break
            row = int(self._rows[place])
            if self._ids[self._id_offsets[row] : self._id_offsets[row + 1]] == wanted:
                return row
        return None

    def find_many(self, ids: Any) -> np.ndarray:
        """The rows of many ids at once; see `Table.find_many`."""
        try:
            wanted = (ids if isinstance(ids, pa.Array) else pa.array(ids, pa.large_string())).cast(pa.large_binary())
        except UnicodeEncodeError:  # half a surrogate pair: no id here, but its neighbours may be
            return np.array([-1 if (row := self.find(id)) is None else row for id in ids], dtype=np.int64)
        if len(wanted) > _MANY:
            return np.concatenate([self.find_many(wanted.slice(at, _MANY)) for at in range(0, len(wanted), _MANY)])
        hashes = text_hash.hashes64(wanted)
        order = np.argsort(hashes)  # searched in order, the pages of the index are touched once
        places = np.empty(len(hashes), dtype=np.int64)
        places[order] = self._hashes.searchsorted(hashes[order])
        places = places.clip(max=len(self) - 1)
        rows = np.where(self._hashes[places] == hashes, self._rows[places], -1).astype(np.int64)
        hits = np.flatnonzero(rows >= 0)
        mine = self._id_array().take(pa.array(rows[hits]))
        same = pc.equal(mine, wanted.take(pa.array(hits))).to_numpy(zero_copy_only=False)
        for place in hits[~same]:  # another id with this hash comes first
            row = self.find(wanted[int(place)].as_py().decode("utf-8"))
            rows[place] = -1 if row is None else row
        return rows

    def rows_by_id(self) -> np.ndarray:
        """See `Table.rows_by_id`; the ids are read where they lie."""
        order = pc.array_sort_indices(self._id_array(), order="descending")  # of UTF-8, which sorts as code points do
        return order.to_numpy().astype(np.int32)

    def is_empty(self, row: int) -> bool:
        """Whether a row's text holds nothing."""
        return bool(self._text_offsets[row] == self._text_offsets[row + 1])

    def empty_rows(self) -> np.ndarray:
        """int64: the rows whose text holds nothing, ascending."""
        if not self.meta["empty_texts"]:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self._text_offsets[1:] == self._text_offsets[:-1])

    def _id_array(self) -> pa.Array:
        buffers = [None, pa.py_buffer(self._id_offsets), pa.py_buffer(self._ids)]
        return pa.Array.from_buffers(pa.large_binary(), len(self), buffers)

    def _blob(self, name: str) -> bytes | mmap.mmap:
        with (self.folder / f"{name}.bin").open("rb") as file:
            size = self.meta["bytes"][f"{name}.bin"]
            return (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            )  # an empty file cannot be mapped

    def _numbers(self, name: str, kind: str = "<i8") -> np.ndarray:
        numbers: np.ndarray = mapped(self.folder / f"{name}.bin", kind)
        return numbers


def _column(folder: Path, name: str) -> Sequence[str]:
    found: Sequence[str] = getattr(TextTable(folder), name)
    return found


class _Column(Sequence[str]):
    """Ids or texts. Pickled as the table's path, so that another process maps them anew."""

    def __init__(self, folder: Path, name: str, blob: bytes | mmap.mmap, offsets: np.ndarray) -> None:
        self._folder, self._name, self._blob, self._offsets = folder, name, blob, offsets

    def __reduce__(self) -> tuple[Callable[[Path, str], Sequence[str]], tuple[Path, str]]:
        return _column, (self._folder, self._name)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        row = index % len(self)
        return self._blob[int(self._offsets[row]) : int(self._offsets[row + 1])].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))
