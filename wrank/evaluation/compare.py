"""How sure is a difference between two runs on the same queries.

Shapes: Q queries, S bootstrap samples. Tests and corrections are in `significance.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.significance import EQUAL, bootstrap_means

_INDICES_AT_ONCE = 250_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Run b minus run a in one measure.

    Attributes:
        mean: mean difference over queries.
        low: lower end of the 95% bootstrap interval of the mean.
        high: upper end.
        better: queries on which b is better.
        worse: queries on which b is worse.
        equal: queries on which both are equal.
        queries: how many queries.
    """

    mean: float
    low: float
    high: float
    better: int
    worse: int
    equal: int
    queries: int


def paired_difference(
    per_query_a: Mapping[str, Mapping[str, float]],
    per_query_b: Mapping[str, Mapping[str, float]],
    measure: str,
    *,
    seed: int = 0,
    samples: int = 10_000,
) -> Difference:
    """Mean difference b - a over paired queries, with a 95% percentile bootstrap interval.

    Queries are drawn with replacement; the interval runs from the 2.5th to the 97.5th percentile of the means
    (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13). The result is a function of the values,
    ``seed`` and ``samples``; the order of the queries in the mappings does not matter.

    Args:
        per_query_a: query id -> measure name -> value of run a.
        per_query_b: the same of run b; the same queries.
        measure: which measure, as named in the mappings.
        seed: of the draws.
        samples: number of bootstrap samples S.

    Raises:
        WrankError: other queries in a than in b, no query, a measure that is missing, samples below 1.
    """
    if samples < 1:
        raise WrankError(f"compare: samples is {samples}; it must be at least 1")
    only = sorted(per_query_a.keys() ^ per_query_b.keys())
    if only:
        raise WrankError(f"compare: {len(only)} queries are in one run only, e.g. {only[0]!r}; score both on one split")
    if not per_query_a:
        raise WrankError("compare: the runs hold no query")
    query_ids = sorted(per_query_a)
    differences_Q = _values(per_query_b, query_ids, measure) - _values(per_query_a, query_ids, measure)
    low, high = np.percentile(bootstrap_means(differences_Q, samples, seed, _INDICES_AT_ONCE), [2.5, 97.5])
    better, worse = int((differences_Q > EQUAL).sum()), int((differences_Q < -EQUAL).sum())
    mean = float(differences_Q.mean())
    return Difference(mean, float(low), float(high), better, worse, len(query_ids) - better - worse, len(query_ids))


def _values(per_query: Mapping[str, Mapping[str, float]], query_ids: list[str], measure: str) -> np.ndarray:
    for query_id in query_ids:
        if measure not in per_query[query_id]:
            known = ", ".join(per_query[query_id])
            raise WrankError(f"compare: query {query_id!r} has no value of {measure}; it has {known}")
    return np.array([per_query[query_id][measure] for query_id in query_ids], dtype=np.float64)
