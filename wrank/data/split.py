"""Holding out a part of the training queries, the same whatever their order."""

import hashlib
from collections.abc import Sequence

from wrank.errors import WrankError


def split_queries(query_ids: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Splits queries into training and dev by a hash of (seed, id): the dev part are those with the smallest hashes.

    Args:
        query_ids: at least two when a share is wanted; each once.
        share: part held out, 0 <= share < 1; rounded to whole queries, at least one and not all when above 0.
        seed: another seed, another part.

    Returns:
        (training ids, dev ids), each in the given order.

    Raises:
        WrankError: a share out of range, ids given twice, or too few queries.
    """
    if not 0 <= share < 1:
        raise WrankError(f"dev_share is {share}; wanted 0 (no queries held out) or more, and below 1")
    if len(set(query_ids)) != len(query_ids):
        raise WrankError("a query id comes twice among those to be split")
    if share == 0:
        return list(query_ids), []
    if len(query_ids) < 2:
        raise WrankError(
            f"{len(query_ids)} training queries cannot be split into training and dev: set data.dev_share=0"
        )
    count = min(max(round(share * len(query_ids)), 1), len(query_ids) - 1)
    by_hash = sorted(query_ids, key=lambda id: hashlib.blake2b(f"{seed}\0{id}".encode()).digest())
    dev = set(by_hash[:count])
    return [id for id in query_ids if id not in dev], [id for id in query_ids if id in dev]
