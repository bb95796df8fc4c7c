"""Vectors for the benchmark of the search: random, of length 1, on disk as wrank keeps them.

Shapes: N passages, Q queries, D embedding size.
"""

from pathlib import Path

import numpy as np

from wrank.evaluation.vectors import META, SHARD_ROWS, Vectors, finish, shard_name, shards_of, write_array

DIMENSION = 384
QUERIES = 1000


def write_vectors(folder: Path, rows: int) -> Vectors:
    """N passages in float32, a shard at a time, and ``queries.npy``; a folder that is whole is kept.

    The first rows are the same whatever `rows` is.
    """
    if not (folder / META).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for shard in range(shards_of(rows)):
            size = min(SHARD_ROWS, rows - shard * SHARD_ROWS)
            write_array(folder / shard_name(shard), _unit(np.random.default_rng([0, shard]), size))
        write_array(folder / "queries.npy", _unit(np.random.default_rng(1), QUERIES))
        write_array(folder / "order.npy", np.arange(rows - 1, -1, -1, dtype=np.int32))
        finish(folder, rows, DIMENSION, "float32", truncated=0)
    return Vectors(folder)


def _unit(random: np.random.Generator, rows: int) -> np.ndarray:
    vectors_ND = random.standard_normal((rows, DIMENSION), dtype=np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
