"""Random numbers that are a function of a position: of what is drawn, never of when, where or after what."""

import hashlib

import numpy as np


def generator_at(*position: str | int) -> np.random.Generator:
    """The generator of one position.

    Args:
        position: what is drawn, the seed, and where, e.g. ``("list", seed, epoch, query_id)``. Equal positions draw the
            same on every machine and in every process; others draw independently.
    """
    digest = hashlib.blake2b("\0".join(map(str, position)).encode("utf-8"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
