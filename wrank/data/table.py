"""A table of texts on disk, mapped into memory: opens in milliseconds, shared by processes, for millions of rows.

A folder of flat files, little-endian: ``texts.bin`` and ``ids.bin`` (UTF-8, one after another) with int64 offsets;
the 64-bit hashes of the ids, sorted, with their rows (id -> row by binary search; the id itself is compared, so equal
hashes are harmless); a 63-bit key a text, to find equal texts; ``meta.json``, which names the size of each file.
"""

import json
import mmap
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from filelock import FileLock

from wrank.data.table_writer import FORMAT, META, hash64, write_table
from wrank.errors import WrankError
from wrank.files import sync_folder


def text_key(text: str) -> int:
    """The key of a text: 63 bits of BLAKE2b, never negative; equal for equal texts and, in practice, only for them."""
    return hash64(text.encode("utf-8")) >> 1


class TextTable:
    """Rows of (id, text), read only. Pickled as its path, so that workers map it anew.

    Args:
        folder: what `build` made.

    Raises:
        WrankError: no table there, another format, or a file of the wrong size.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.meta = _read_meta(self.folder)
        self._texts, self._text_offsets = self._blob("texts"), self._numbers("text_offsets")
        self._ids, self._id_offsets = self._blob("ids"), self._numbers("id_offsets")
        self._hashes, self._rows = self._numbers("id_hashes", "<u8"), self._numbers("id_rows")
        self.keys = self._numbers("text_keys")
        """int64 key of each row's text; see `text_key`."""

    @classmethod
    def build(cls, rows: Iterable[tuple[str, str]], folder: Path) -> "TextTable":
        """Writes a table and opens it; opens the one that is there already, or that another process is building.

        Memory stays small whatever the texts' size: about 50 bytes a row. The folder appears whole or not at all.

        Args:
            rows: (id, text), read once.
            folder: where; its parents are made.

        Raises:
            DuplicateId: an id comes twice.
            WrankError: a full disk, a place that cannot be written, and what `rows` raises.
        """
        if (folder / META).is_file():
            return cls(folder)
        partial = folder.parent / f".{folder.name}.partial"
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.parent / f".{folder.name}.lock"):
                if not (folder / META).is_file():
                    shutil.rmtree(partial, ignore_errors=True)  # what a killed process left; nobody else is here
                    partial.mkdir()
                    try:
                        write_table(rows, partial)
                        partial.rename(folder)
                        sync_folder(folder.parent)
                    finally:
                        shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise WrankError(
                f"{error.filename or folder}: cannot be written ({error.strerror or error}): wanted free space and a "
                f"folder that can be written"
            ) from error
        return cls(folder)

    def __len__(self) -> int:
        return int(self.meta["rows"])

    def __reduce__(self) -> tuple[type["TextTable"], tuple[Path]]:
        return TextTable, (self.folder,)

    @property
    def ids(self) -> Sequence[str]:
        """All ids by row, decoded when asked for."""
        return _Column(self._ids, self._id_offsets)

    @property
    def all_texts(self) -> Sequence[str]:
        """All texts by row, decoded when asked for."""
        return _Column(self._texts, self._text_offsets)

    def find(self, id: str) -> int | None:
        """The row of an id, or None."""
        try:
            wanted = id.encode("utf-8")
        except UnicodeEncodeError:
            return None
        hash_ = np.uint64(hash64(wanted))
        for place in range(int(np.searchsorted(self._hashes, hash_)), len(self)):
            if self._hashes[place] != hash_:
                break
            row = int(self._rows[place])
            if self._ids[self._id_offsets[row] : self._id_offsets[row + 1]] == wanted:
                return row
        return None

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) is not None

    def row(self, id: str) -> int:
        """The row of an id.

        Raises:
            WrankError: no such id.
        """
        if (row := self.find(id)) is None:
            raise WrankError(f"{self.folder}: no id {id!r} among its {len(self)} rows")
        return row

    def rows(self, ids: Iterable[str]) -> list[int]:
        """The rows of ids; see `row`."""
        return [self.row(id) for id in ids]

    def id(self, row: int) -> str:
        """The id of a row."""
        return self.ids[row]

    def text(self, row: int) -> str:
        """The text of a row."""
        return self.all_texts[row]

    def texts(self, rows: Iterable[int]) -> list[str]:
        """The texts of rows."""
        column = self.all_texts
        return [column[row] for row in rows]

    def is_empty(self, row: int) -> bool:
        """Whether a row's text holds nothing."""
        return bool(self._text_offsets[row] == self._text_offsets[row + 1])

    def _blob(self, name: str) -> bytes | mmap.mmap:
        with (self.folder / f"{name}.bin").open("rb") as file:
            size = self.meta["bytes"][f"{name}.bin"]
            return (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            )  # an empty file cannot be mapped

    def _numbers(self, name: str, kind: str = "<i8") -> np.ndarray:
        mapped = np.memmap(self.folder / f"{name}.bin", dtype=kind, mode="r")
        return np.asarray(mapped)  # still mapped; a memmap's own indexing is several times slower


class _Column(Sequence[str]):
    def __init__(self, blob: bytes | mmap.mmap, offsets: np.ndarray) -> None:
        self._blob, self._offsets = blob, offsets

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


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        wrong = meta["format"] != FORMAT or any(
            (folder / n).stat().st_size != size for n, size in meta["bytes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrankError(f"{folder}: no table of texts ({error!r}): remove that folder, it is built again") from None
    if wrong:
        raise WrankError(f"{folder}: a table of another format, or damaged: remove that folder, it is built again")
    return dict(meta)
