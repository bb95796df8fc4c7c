"""Writes the files of a table of texts (`wrank.data.table`), in one pass and with little memory."""

import hashlib
import json
import os
import sys
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from wrank.errors import WrankError
from wrank.files import write_atomic

FORMAT = 1
"""Version of the folder's layout; part of every cache key."""

META = "meta.json"
_FLUSH = 1 << 16


class DuplicateId(WrankError):
    """Two rows of a table have one id."""

    def __init__(self, id: str, first: int, second: int) -> None:
        super().__init__(f"id {id!r} comes twice: rows {first} and {second}")
        self.id, self.first, self.second = id, first, second


def hash64(data: bytes) -> int:
    """64 bits of BLAKE2b, as an unsigned number."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


class _NumberFile:
    """Appends numbers to a file, some thousands at a time."""

    def __init__(self, file: BinaryIO, kind: str) -> None:
        self._file, self._buffer = file, array(kind)

    def append(self, value: int) -> None:
        self._buffer.append(value)
        if len(self._buffer) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        if sys.byteorder == "big":
            self._buffer.byteswap()
        self._buffer.tofile(self._file)
        self._buffer = array(self._buffer.typecode)


def write_table(rows: Iterable[tuple[str, str]], folder: Path) -> None:
    """Writes the files of a table into an empty folder, ``meta.json`` last; see `wrank.data.table`.

    Args:
        rows: (id, text), read once.
        folder: there already.

    Raises:
        DuplicateId: an id comes twice.
        WrankError: no row.
    """
    names = ("texts", "ids", "text_offsets", "id_offsets", "text_keys", "raw_hashes")
    files = {name: (folder / f"{name}.bin").open("wb") for name in names}
    try:
        numbers = {name: _NumberFile(files[name], "q") for name in names[2:5]}
        hashes = _NumberFile(files["raw_hashes"], "Q")
        for name in ("text_offsets", "id_offsets"):
            numbers[name].append(0)
        count = texts_end = ids_end = empty = 0
        for id, text in rows:
            id_bytes, text_bytes = id.encode("utf-8"), text.encode("utf-8")
            files["texts"].write(text_bytes)
            files["ids"].write(id_bytes)
            count, texts_end, ids_end = count + 1, texts_end + len(text_bytes), ids_end + len(id_bytes)
            empty += not text_bytes
            numbers["text_offsets"].append(texts_end)
            numbers["id_offsets"].append(ids_end)
            numbers["text_keys"].append(hash64(text_bytes) >> 1)
            hashes.append(hash64(id_bytes))
        for column in (*numbers.values(), hashes):
            column.flush()
    finally:
        for file in files.values():
            file.close()
    if not count:
        raise WrankError(f"{folder}: no row; wanted at least one id and text")
    _index_ids(folder)
    keys = np.fromfile(folder / "text_keys.bin", dtype="<i8")
    _finish(folder, {"rows": count, "empty_texts": empty, "duplicate_texts": count - len(np.unique(keys))})


def _index_ids(folder: Path) -> None:
    raw = folder / "raw_hashes.bin"
    hashes = np.fromfile(raw, dtype="<u8")
    order = np.argsort(hashes, kind="stable").astype("<i8")
    hashes = hashes[order]
    _refuse_duplicates(folder, hashes, order)
    hashes.tofile(folder / "id_hashes.bin")
    order.tofile(folder / "id_rows.bin")
    raw.unlink()


def _refuse_duplicates(folder: Path, hashes: np.ndarray, order: np.ndarray) -> None:
    blob, offsets = (folder / "ids.bin").read_bytes(), np.fromfile(folder / "id_offsets.bin", dtype="<i8")
    seen: dict[bytes, int] = {}
    last = None
    for place in np.flatnonzero(hashes[1:] == hashes[:-1]):
        if last != hashes[place]:
            seen, last = {}, hashes[place]
        for row in (int(order[place]), int(order[place + 1])):
            id = blob[offsets[row] : offsets[row + 1]]
            if seen.setdefault(id, row) != row:
                raise DuplicateId(id.decode("utf-8"), seen[id], row)


def _finish(folder: Path, facts: dict[str, int]) -> None:
    sizes = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb+") as file:
            sizes[path.name] = file.seek(0, 2)
            os.fsync(file.fileno())
    write_atomic(folder / META, json.dumps({"format": FORMAT, **facts, "bytes": sizes}, indent=1) + "\n")
