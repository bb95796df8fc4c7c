"""64-bit hashes (XXH3) of ids and texts, one at a time or a column at once. Fast, not secret."""

from array import array

import numpy as np
import pyarrow as pa
import xxhash

_STEP = 1 << 16  # values


def hash64(data: bytes) -> int:
    """64 bits of XXH3, as an unsigned number."""
    return int(xxhash.xxh3_64_intdigest(data))


def text_key(text: str) -> int:
    """The key of a text: 63 bits, never negative; equal for equal texts and, in practice, only for them."""
    return hash64(text.encode("utf-8")) >> 1


def hashes64(column: pa.Array) -> np.ndarray:
    """`hash64` of every value.

    Args:
        column: [N] of type binary or large_binary, without nulls.

    Returns:
        uint64 [N].
    """
    digest = xxhash.xxh3_64_intdigest if hash64 is _HASH64 else hash64
    hashes = array("Q")
    for start in range(0, len(column), _STEP):  # a Python object a value, so not all at once
        hashes.extend(map(digest, column.slice(start, _STEP).to_pylist()))
    return np.frombuffer(hashes, dtype=np.uint64)


_HASH64 = hash64
