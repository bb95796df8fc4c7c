"""The FAISS library: imported when needed, its threads, and what goes into it.

FAISS brings an OpenMP of its own beside torch's: both work in one process, each with threads of its own. FAISS is told
to take as many as torch has (``OMP_NUM_THREADS``, `torch.set_num_threads`).

Shapes: N vectors, D embedding size, C vectors a chunk.
"""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from wrank.errors import WrankError
from wrank.evaluation.vectors import Readable

_CHUNK = 16_384  # vectors added at once: a constant, because a graph depends on it


def library() -> Any:
    """The FAISS module, imported when it is first needed.

    Raises:
        WrankError: it is not installed.
    """
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it tells of every processor that this one is not
    try:
        import faiss
    except ImportError as error:
        raise WrankError(
            f"evaluation.index: FAISS cannot be imported ({error}): pip install 'wrank[faiss]', or search exactly "
            "without evaluation/index"
        ) from None
    return faiss


def use_threads(count: int | None = None) -> None:
    """Tells FAISS how many threads to use, torch's number if none is given; changes nothing for torch."""
    library().omp_set_num_threads(count or torch.get_num_threads())


def chunks(vectors: Readable) -> Iterator[np.ndarray]:
    """All vectors in order, float32, so many at once as an index is given.

    Raises:
        WrankError: a number that is not finite.
    """
    for start in range(0, len(vectors), _CHUNK):
        chunk_CD = np.ascontiguousarray(vectors.chunk(start, min(start + _CHUNK, len(vectors))), dtype=np.float32)
        check_finite(chunk_CD, "passage", start)
        yield chunk_CD


def check_counts(name: str, **values: object) -> None:
    """Refuses parameters of the index `name` that are no whole numbers from 1.

    Raises:
        WrankError: names the key.
    """
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise WrankError(f"evaluation.index.{key} is {value!r} ({name}); a whole number from 1 is wanted")


def check_finite(vectors: np.ndarray, what: str, start: int) -> None:
    """Refuses NaN and infinity.

    Args:
        vectors: rows of numbers.
        what: they are, for the message.
        start: the number of the first row.

    Raises:
        WrankError: names the first bad row.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise WrankError(f"index: the vector of {what} row {start + int(bad[0])} holds NaN or infinity; encode again")
