"""Vectors of texts on disk: shards of a fixed number of rows, mapped into memory, read as float32.

A folder holds ``vectors-00000.npy``, ``vectors-00001.npy``, ... and ``vectors.json`` (rows, dimension, storage, how
many texts were cut). `numpy.load` reads a shard; one of bfloat16, which NumPy has no name for, is uint16: the upper
half of a float32's bits.

Shapes: N texts, D embedding size.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.files import atomic_writer, write_atomic

Storage = Literal["float32", "float16", "bfloat16"]
STORAGES: tuple[Storage, ...] = ("float32", "float16", "bfloat16")
_KINDS = {"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}

SHARD_ROWS = 4096
"""Rows of a shard. Texts are sorted and batched within a shard, so a vector depends on no other one."""

META = "vectors.json"
_OPEN_SHARDS = 64


class Readable(Protocol):
    """N vectors, read as float32 a part at a time."""

    @property
    def dimension(self) -> int:
        """Size D of a vector."""

    def __len__(self) -> int:
        """Number of vectors N."""

    def chunk(self, start: int, stop: int) -> np.ndarray:
        """Rows from start up to stop: float32 [stop - start, D]."""

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Any rows: float32 [len(rows), D]."""


class InMemory:
    """Vectors that are an array already.

    Args:
        vectors_ND: float32.

    Raises:
        WrankError: no matrix.
    """

    def __init__(self, vectors_ND: np.ndarray) -> None:
        if vectors_ND.ndim != 2:
            raise WrankError(f"vectors: wanted a matrix [N, D], got the shape {vectors_ND.shape}")
        self._vectors_ND = vectors_ND

    @property
    def dimension(self) -> int:
        """Size D of a vector."""
        return int(self._vectors_ND.shape[1])

    def __len__(self) -> int:
        return len(self._vectors_ND)

    def chunk(self, start: int, stop: int) -> np.ndarray:
        """Rows from start up to stop: float32 [stop - start, D]."""
        return self._vectors_ND[start:stop]

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Any rows: float32 [len(rows), D]."""
        return self._vectors_ND[rows]


class Vectors:
    """Vectors in a folder. Pickled as its path, so that another process maps them anew.

    Args:
        folder: what `finish` completed.

    Raises:
        WrankError: no vectors there, a shard that is missing or of another size.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            meta = json.loads((self.folder / META).read_text(encoding="utf-8"))
            self._rows, self._dimension = int(meta["rows"]), int(meta["dimension"])
            self.storage: Storage = meta["storage"]
            self.truncated = int(meta["truncated"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WrankError(
                f"{self.folder}: no vectors ({error!r}): remove that folder, they are made again"
            ) from None
        self._open_shards: OrderedDict[int, np.ndarray] = OrderedDict()
        for shard in range(shards_of(self._rows)):
            self._open(shard)

    def _shard(self, shard: int) -> np.ndarray:
        """A shard's numbers as stored; of the shards, only the last used stay open, each of which is an open file."""
        if shard not in self._open_shards:
            self._open_shards[shard] = self._open(shard)
            if len(self._open_shards) > _OPEN_SHARDS:
                self._open_shards.popitem(last=False)
        self._open_shards.move_to_end(shard)
        return self._open_shards[shard]

    def _open(self, shard: int) -> np.ndarray:
        path = self.folder / shard_name(shard)
        wanted = (min(SHARD_ROWS, self._rows - shard * SHARD_ROWS), self._dimension)
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise WrankError(f"{path}: cannot be read ({error}): remove {self.folder}, it is made again") from None
        if array.shape != wanted or array.dtype != np.dtype(_KINDS[self.storage]):
            raise WrankError(
                f"{path}: holds {array.shape} of {array.dtype}, wanted {wanted} of {self.storage}: vectors of another "
                f"model or corpus, or damaged; remove {self.folder}, it is made again"
            )
        return np.asarray(array)

    def __reduce__(self) -> tuple[type["Vectors"], tuple[Path]]:
        return Vectors, (self.folder,)

    @property
    def dimension(self) -> int:
        """Size D of a vector."""
        return self._dimension

    def __len__(self) -> int:
        return self._rows

    def chunk(self, start: int, stop: int) -> np.ndarray:
        """Rows from start up to stop: float32 [stop - start, D]; what is read is not kept."""
        stop = min(stop, self._rows)
        found_ND = np.empty((max(0, stop - start), self._dimension), dtype=np.float32)
        done = 0
        while start + done < stop:
            shard, first = divmod(start + done, SHARD_ROWS)
            last = min(SHARD_ROWS, first + stop - start - done)
            self._widen(self._shard(shard)[first:last], found_ND[done : done + last - first])
            done += last - first
        return found_ND

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Any rows: float32 [len(rows), D]."""
        rows = np.asarray(rows, dtype=np.int64)
        found_ND = np.empty((len(rows), self._dimension), dtype=np.float32)
        shards = rows // SHARD_ROWS
        for shard in np.unique(shards).tolist():
            here = np.flatnonzero(shards == shard)
            stored = self._shard(shard)[rows[here] - shard * SHARD_ROWS]
            wide = np.empty(stored.shape, dtype=np.float32)
            self._widen(stored, wide)
            found_ND[here] = wide
        return found_ND

    def _widen(self, stored: np.ndarray, wide: np.ndarray) -> None:
        """Fills in float32."""
        if self.storage == "bfloat16":
            np.left_shift(stored, 16, out=wide.view(np.uint32), dtype=np.uint32)
        else:
            wide[:] = stored


def shards_of(rows: int) -> int:
    """How many shards hold so many rows."""
    return -(-rows // SHARD_ROWS)


def shard_name(shard: int) -> str:
    """The file of a shard."""
    return f"vectors-{shard:05d}.npy"


def narrowed(vectors_ND: Tensor, storage: Storage) -> np.ndarray:
    """Float32 vectors in the number format of the disk.

    Raises:
        WrankError: a number too large for float16.
    """
    if storage == "bfloat16":
        return vectors_ND.to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    if storage == "float32":
        return vectors_ND.numpy()
    narrow_ND = vectors_ND.to(torch.float16)
    if not bool(narrow_ND.isfinite().all()):
        raise WrankError(
            f"vectors: {float(vectors_ND.abs().max()):g} is too large for float16 (65,504 at most); use "
            "evaluation.storage=bfloat16 or float32"
        )
    return narrow_ND.numpy()


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an array as ``numpy.load`` reads it, whole or not at all; a full disk is told as one.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    array = np.ascontiguousarray(array)
    with atomic_writer(path) as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data.cast("B") if array.size else b"")


def finish(folder: Path, rows: int, dimension: int, storage: Storage, truncated: int) -> None:
    """Writes ``vectors.json``, after the last shard."""
    meta: dict[str, Any] = {"rows": rows, "dimension": dimension, "storage": storage, "truncated": truncated}
    write_atomic(folder / META, json.dumps(meta) + "\n")


Progress = Callable[[int], None]
"""Called with the number of texts just done."""
