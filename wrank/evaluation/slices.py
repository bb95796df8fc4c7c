"""Means by kind of query: short and long ones, with few and many relevant passages, often and seldom asked.

A mean over all queries hides where a system is good. The buckets are fixed, so that two runs can be compared.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wrank.errors import WrankError

Facts = Mapping[str, Mapping[str, Any]]
"""Query id -> what `query_facts` knows of it."""

_RANGES: dict[str, tuple[tuple[str, float], ...]] = {  # slice -> buckets with the greatest value in each
    "words": (("<=3", 3), ("4-6", 6), ("7-12", 12), ("13+", float("inf"))),
    "relevant": (("0", 0), ("1", 1), ("2-5", 5), ("6-20", 20), ("21+", float("inf"))),
}
_THIRDS = ("head", "torso", "tail")


def query_facts(
    query_ids: Sequence[str],
    texts: Sequence[str],
    qrels: Mapping[str, Mapping[str, float]],
    frequencies: Mapping[str, float] | None = None,
    *,
    relevant: int = 1,
) -> dict[str, dict[str, Any]]:
    """What is known of each judged query before any system has ranked for it.

    Args:
        query_ids: queries; those without a judgement are left out, as they are when a run is scored.
        texts: their texts.
        qrels: query id -> passage id -> grade.
        frequencies: query id -> how often it is asked, in any unit; None, or a query that lacks: not known.
        relevant: lowest grade that counts as relevant.

    Returns:
        Query id -> ``text``; ``words`` (parts between white space); ``judged`` passages; of these ``relevant`` ones
        (by their grade); ``best_grade``; ``frequency`` where it is known.

    Raises:
        WrankError: as many texts as queries are wanted; a query that comes twice; a frequency that is no number >= 0.
    """
    if len(query_ids) != len(texts):
        raise WrankError(f"slices: {len(query_ids)} queries but {len(texts)} texts; wanted one text a query")
    facts: dict[str, dict[str, Any]] = {}
    for query_id, text in zip(query_ids, texts, strict=True):
        grades = qrels.get(query_id)
        if not grades:
            continue
        if query_id in facts:
            raise WrankError(f"slices: query {query_id!r} comes twice; wanted each once")
        facts[query_id] = {
            "text": text,
            "words": len(text.split()),
            "judged": len(grades),
            "relevant": sum(grade >= relevant for grade in grades.values()),
            "best_grade": _plain(max(grades.values())),
        }
        if frequencies is not None and query_id in frequencies:
            frequency = float(frequencies[query_id])
            if not (np.isfinite(frequency) and frequency >= 0):
                raise WrankError(f"slices: the frequency of query {query_id!r} is {frequency}; wanted 0 or more")
            facts[query_id]["frequency"] = frequency
    return facts


def _plain(grade: float) -> int | float:
    return int(grade) if float(grade).is_integer() else float(grade)


def slice_means(
    per_query: Mapping[str, Mapping[str, float]], facts: Facts, measures: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Means of measures over the queries of each bucket.

    The slices: ``words`` (<=3, 4-6, 7-12, 13+), ``relevant`` (0, 1, 2-5, 6-20, 21+ relevant passages), ``best_grade``
    (one bucket a grade), ``frequency`` (``head``, ``torso`` and ``tail``: thirds of the queries whose frequency is
    known, the most frequent first; equal frequencies are never parted, so thirds may differ in size).

    Args:
        per_query: query id -> measure name -> value.
        facts: of these queries at least.
        measures: names of the measures.

    Returns:
        Slice -> bucket, in the order above -> ``queries`` (how many) and each measure's mean. Every query is in one
        bucket of a slice. Buckets without a query are left out, and so is a slice that nothing is known of.

    Raises:
        WrankError: a query without facts, or without a value of a measure.
    """
    for query_id, values in per_query.items():
        if query_id not in facts:
            raise WrankError(f"slices: nothing is known of query {query_id!r}; wanted the facts of every scored query")
        lacking = [measure for measure in measures if measure not in values]
        if lacking:
            raise WrankError(f"slices: query {query_id!r} has no value of {lacking[0]}; it has {', '.join(values)}")
    slices = {
        "words": _by_range(per_query, facts, "words"),
        "relevant": _by_range(per_query, facts, "relevant"),
        "best_grade": _by_value(per_query, facts, "best_grade"),
        "frequency": _by_thirds(per_query, facts, "frequency"),
    }
    return {
        name: {bucket: _means(per_query, members, measures) for bucket, members in buckets.items() if members}
        for name, buckets in slices.items()
        if any(buckets.values())
    }


def _means(
    per_query: Mapping[str, Mapping[str, float]], query_ids: Sequence[str], measures: Sequence[str]
) -> dict[str, float]:
    means = {measure: float(np.mean([per_query[query_id][measure] for query_id in query_ids])) for measure in measures}
    return {"queries": len(query_ids), **means}


def _by_range(queries: Mapping[str, object], facts: Facts, fact: str) -> dict[str, list[str]]:
    def bucket(query_id: str) -> str:
        return next(name for name, most in _RANGES[fact] if facts[query_id][fact] <= most)

    return _grouped(queries, bucket, [name for name, _ in _RANGES[fact]])


def _by_value(queries: Mapping[str, object], facts: Facts, fact: str) -> dict[str, list[str]]:
    values = sorted({facts[query_id][fact] for query_id in queries})
    return _grouped(queries, lambda query_id: f"{facts[query_id][fact]:g}", [f"{value:g}" for value in values])


def _by_thirds(queries: Mapping[str, object], facts: Facts, fact: str) -> dict[str, list[str]]:
    known = [query_id for query_id in queries if fact in facts[query_id]]
    values_Q = np.array([facts[query_id][fact] for query_id in known], dtype=np.float64)
    ascending_Q = np.sort(values_Q)
    left_Q, right_Q = (np.searchsorted(ascending_Q, values_Q, side) for side in ("left", "right"))
    # with a value and its equals at their mean place, (2n - left - right) / 2n is the share of queries above it
    third_Q = 3 * (2 * len(known) - left_Q - right_Q) // (2 * len(known)) if known else np.empty(0, dtype=np.int64)
    third = dict(zip(known, third_Q.tolist(), strict=True))
    return _grouped(known, lambda query_id: _THIRDS[third[query_id]], _THIRDS)


def _grouped(
    queries: Mapping[str, object] | Sequence[str], bucket: Callable[[str], str], order: Sequence[str]
) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {name: [] for name in order}
    for query_id in queries:
        groups[bucket(query_id)].append(query_id)
    return groups
