"""Writes the files of a table of texts (`wrank.data.table`), in one pass, a block at a time, with little memory."""

import mmap
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import RawIOBase
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from wrank.data.folder import finish, mapped
from wrank.data.text_hash import hashes64
from wrank.errors import WrankError

MOST_ROWS = 2**31 - 1
_ROWS = 8192  # a block made of single rows
_SORTED = 1 << 20  # hashes sorted at once, about


class DuplicateId(WrankError):
    """Two rows of a table have one id."""

    def __init__(self, id: str, first: int, second: int) -> None:
        super().__init__(f"id {id!r} comes twice: rows {first} and {second}")
        self.id, self.first, self.second = id, first, second


class Block(NamedTuple):
    """Some rows of a table: ids and texts, UTF-8 (Arrow arrays of type large_binary, without nulls)."""

    ids: pa.Array
    texts: pa.Array


def blocks_of(rows: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Single rows, gathered."""
    stream = iter(rows)
    while some := list(islice(stream, _ROWS)):
        ids, texts = zip(*some, strict=True)
        yield Block(
            *(pa.array([text.encode("utf-8") for text in column], pa.large_binary()) for column in (ids, texts))
        )


def write_table(blocks: Iterable[Block], folder: Path) -> None:
    """Writes the files of a table into an empty folder, ``meta.json`` last; see `wrank.data.table`.

    Args:
        blocks: read once.
        folder: there already.

    Raises:
        DuplicateId: an id comes twice.
        WrankError: no row, or more than `MOST_ROWS`.
    """
    names = ("texts", "ids", "text_offsets", "id_offsets", "text_keys", "raw_hashes")
    files = {name: (folder / f"{name}.bin").open("wb", buffering=0) for name in names}
    count = empty = 0
    ends = {"texts": 0, "ids": 0}
    pending: Future[None] | None = None
    try:
        with ThreadPoolExecutor(1) as beside:  # writes texts while the next are hashed
            for name in ("text_offsets", "id_offsets"):
                np.zeros(1, "<i8").tofile(files[name])
            for ids, texts in blocks:
                count += len(ids)
                if pending is not None:
                    pending.result()
                pending = beside.submit(_append, texts, files["texts"], files["text_offsets"], ends, "texts")
                _append(ids, files["ids"], files["id_offsets"], ends, "ids")
                (hashes64(texts) >> np.uint64(1)).astype("<i8").tofile(files["text_keys"])
                hashes64(ids).astype("<u8").tofile(files["raw_hashes"])
                empty += len(texts) - int(np.count_nonzero(_lengths(texts)))
            if pending is not None:
                pending.result()
    finally:
        for file in files.values():
            file.close()
    pa.default_memory_pool().release_unused()
    if not count:
        raise WrankError(f"{folder}: no row; wanted at least one id and text")
    if count > MOST_ROWS:
        raise WrankError(f"{folder}: {count} rows; wanted at most {MOST_ROWS}: split the collection")
    with ThreadPoolExecutor(1) as beside:  # the disk is busy while hashes are sorted
        synced = beside.submit(_sync, folder / "texts.bin")
        _index_ids(folder)
        distinct = _distinct(folder)
        synced.result()
    finish(folder, {"rows": count, "empty_texts": empty, "duplicate_texts": count - distinct})


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _bounds(column: pa.Array) -> np.ndarray:
    return np.frombuffer(column.buffers()[1], dtype="<i8")[column.offset : column.offset + len(column) + 1]


def _lengths(column: pa.Array) -> np.ndarray:
    return np.diff(_bounds(column))


def _append(column: pa.Array, blob: RawIOBase, offsets: RawIOBase, ends: dict[str, int], name: str) -> None:
    """Writes the bytes of a column and where each value ends."""
    bounds = _bounds(column)
    first, last = int(bounds[0]), int(bounds[-1])
    if last > first:
        _write_all(blob, memoryview(column.buffers()[2])[first:last])
    (bounds[1:] + (ends[name] - first)).tofile(offsets)
    ends[name] += last - first


def _write_all(file: RawIOBase, data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]


def _distinct(folder: Path) -> int:
    keys = mapped(folder / "text_keys.bin", "<i8").view("<u8")
    count = 0
    for rows in _by_range(keys, 63):
        some = np.sort(keys[rows])
        count += int(np.count_nonzero(some[1:] != some[:-1])) + (len(some) > 0)
    return count


def _by_range(values: np.ndarray, bits: int) -> Iterator[np.ndarray]:
    """The places of evenly spread numbers below 2^bits, a range of values at a time: sorting needs little memory."""
    parts = 1 << (len(values) // _SORTED).bit_length()
    shift = np.uint64(bits - (parts.bit_length() - 1))
    for part in range(parts):
        found = [
            at + np.flatnonzero(values[at : at + _SORTED] >> shift == part) for at in range(0, len(values), _SORTED)
        ]
        yield np.concatenate(found)


def _index_ids(folder: Path) -> None:
    raw = folder / "raw_hashes.bin"
    values = mapped(raw, "<u8")
    with (folder / "id_hashes.bin").open("wb") as hashes_file, (folder / "id_rows.bin").open("wb") as rows_file:
        for rows in _by_range(values, 64):
            hashes = values[rows]
            order = np.argsort(hashes)
            if (hashes[order][1:] == hashes[order][:-1]).any():  # rare; equal hashes in the order of their rows
                order = np.argsort(hashes, kind="stable")
                _refuse_duplicates(folder, hashes[order], rows[order])
            hashes[order].tofile(hashes_file)
            rows[order].astype("<i4").tofile(rows_file)
    raw.unlink()


def _refuse_duplicates(folder: Path, hashes: np.ndarray, order: np.ndarray) -> None:
    places = np.flatnonzero(hashes[1:] == hashes[:-1])
    offsets = mapped(folder / "id_offsets.bin", "<i8")
    with (folder / "ids.bin").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as blob:
        seen: dict[bytes, int] = {}
        last = None
        for place in places:
            if last != hashes[place]:
                seen, last = {}, hashes[place]
            for row in (int(order[place]), int(order[place + 1])):
                id = blob[offsets[row] : offsets[row + 1]]
                if seen.setdefault(id, row) != row:
                    raise DuplicateId(id.decode("utf-8"), seen[id], row)
