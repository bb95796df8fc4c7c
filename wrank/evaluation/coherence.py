"""Coherence: how alike are the rankings for paraphrases of one question?

Someone who asks the same thing in other words should find the same passages. Two figures per pair of paraphrases:
overlap@k, the share of the first k passages that both rankings hold, and rank-biased overlap (RBO), which weighs the
top more.

Shapes: K ranks, G groups.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.measure import Ranking, best_first, is_constant

PERSISTENCE = 0.9
"""p of RBO: the chance that a reader goes on to the next rank; 0.9 gives the first 10 ranks 86% of the weight."""


def overlap(first: Sequence[str], second: Sequence[str]) -> float:
    """Share of passages in both rankings: those in both, divided by the length of the longer one; 0 if both are empty.

    With rankings of k passages this is overlap@k = |A_k and B_k| / k.
    """
    longer = max(len(first), len(second))
    return len(set(first) & set(second)) / longer if longer else 0.0


def rbo(first: Sequence[str], second: Sequence[str], p: float = PERSISTENCE) -> float:
    """Extrapolated rank-biased overlap of two rankings, in [0, 1]; symmetric.

    Webber, Moffat and Zobel 2010, "A similarity measure for indefinite rankings", equation 32. With a ranking of
    length s, one of length l >= s, and X_d passages that both have in their first d ranks::

        RBO_ext = (1 - p) / p * ( sum_{d=1..l} X_d / d * p^d  +  sum_{d=s+1..l} X_s (d - s) / (s d) * p^d )
                  + ( (X_l - X_s) / l + X_s / s ) * p^l

    The agreement seen is taken to go on below: a ranking and its own beginning have RBO 1.

    Args:
        first: passage ids, best first, none twice.
        second: the same.
        p: in (0, 1); the nearer to 1, the deeper it looks.

    Returns:
        1 for equal rankings, 0 for rankings without a common passage, or when one is empty.

    Raises:
        WrankError: p out of range, or a passage twice in a ranking.
    """
    if not 0 < p < 1:
        raise WrankError(f"RBO: p is {p}; it must lie between 0 and 1, e.g. {PERSISTENCE}")
    for ranking in (first, second):
        if len(set(ranking)) < len(ranking):
            raise WrankError("RBO: a passage comes twice in a ranking; wanted each once")
    short, long = sorted((first, second), key=len)
    if not short:
        return 0.0
    s, longest = len(short), len(long)
    rank_of = {passage_id: rank for rank, passage_id in enumerate(long)}
    met = [max(rank, rank_of[passage_id]) for rank, passage_id in enumerate(short) if passage_id in rank_of]
    common_K = np.cumsum(np.bincount(met, minlength=longest)).astype(np.float64)  # X_d at place d - 1
    depth_K = np.arange(1, longest + 1, dtype=np.float64)
    weight_K = p**depth_K
    at_s, at_l = common_K[s - 1], common_K[-1]
    seen = (common_K / depth_K * weight_K).sum()
    assumed = (at_s * (depth_K[s:] - s) / (s * depth_K[s:]) * weight_K[s:]).sum()
    value = (1 - p) / p * (seen + assumed) + ((at_l - at_s) / longest + at_s / s) * weight_K[-1]
    return min(1.0, float(value))  # equal rankings reach 1 but for rounding


def coherence(run: Mapping[str, Ranking], groups: Mapping[str, Sequence[str]], depth: int) -> dict[str, Any]:
    """Overlap@k and RBO of the rankings for paraphrases, k = ``depth``.

    A query without a ranking, or whose two or more passages all have one score, has nothing in common with any other:
    passages in the order of their ids would be alike for all queries. Both are counted.

    Args:
        run: query id -> passages with scores; ties go by the rule of `ranking.py`.
        groups: name of a question -> ids of the queries that ask it, none twice.
        depth: ranks k that are looked at.

    Returns:
        ``depth``, ``p``; ``overlap`` and ``rbo``: means over groups of the means over a group's pairs, so that each
        question counts once (None without a pair); ``pairs``; ``groups_single`` (one query only: no pair, left out);
        ``queries_missing``, ``queries_constant``; ``groups``: name -> ``queries``, ``pairs``, ``overlap``, ``rbo``.

    Raises:
        WrankError: a depth below 1, a query twice in a group, a ranking that `best_first` refuses.
    """
    if depth < 1:
        raise WrankError(f"coherence: depth is {depth}; it must be at least 1")
    found: dict[str, dict[str, Any]] = {}
    missing: set[str] = set()
    constant: set[str] = set()
    single = 0
    for name, query_ids in groups.items():
        if len(set(query_ids)) < len(query_ids):
            raise WrankError(f"coherence: group {name!r} names a query twice; wanted each once")
        tops = []
        for query_id in query_ids:
            ids, scores_K = best_first(query_id, run.get(query_id, ()))
            if not ids:
                missing.add(query_id)
            if is_constant(scores_K):
                constant.add(query_id)
            tops.append([] if is_constant(scores_K) else ids[:depth])
        pairs = list(combinations(tops, 2))
        if not pairs:
            single += 1
            continue
        found[name] = {
            "queries": len(tops),
            "pairs": len(pairs),
            "overlap": float(np.mean([overlap(a, b) for a, b in pairs])),
            "rbo": float(np.mean([rbo(a, b) for a, b in pairs])),
        }
    return {
        "depth": depth,
        "p": PERSISTENCE,
        "overlap": _mean_of(found, "overlap"),
        "rbo": _mean_of(found, "rbo"),
        "pairs": sum(group["pairs"] for group in found.values()),
        "groups_single": single,
        "queries_missing": len(missing),
        "queries_constant": len(constant),
        "groups": found,
    }


def _mean_of(groups: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    return float(np.mean([group[name] for group in groups.values()])) if groups else None
