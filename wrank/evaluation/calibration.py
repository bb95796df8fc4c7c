"""Do scores order the grades? Pairs of judged passages of a query, and the rank correlation of scores and grades.

nDCG looks at the top of a ranking; a system trained on several levels of relevance should order them all. Only
passages that are judged and have a score are looked at: a passage that the run lacks has no score to compare, so it is
counted, not guessed. That makes a deep run the better one to look at. Grades that come once in a collection make few
pairs: read the figures with their numbers of pairs.

Scores are compared as float32, as everywhere. Equal scores of two grades count as wrong, so a constant scorer gets 0.
Pass scores as the system gave them: those of `Rankings.with_distinct_scores` have no ties.

Shapes: P passages of one query that are judged and have a score.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.measure import Ranking

GradePair = tuple[float, float]
"""The lower grade, the higher grade."""


@dataclass
class _Pairs:
    """Pairs of passages with two different grades; `shares` holds the share in right order of each query."""

    pairs: int = 0
    right: int = 0
    ties: int = 0
    shares: list[float] = field(default_factory=list)

    def add(self, right: int, ties: int, pairs: int) -> None:
        if pairs:
            self.pairs, self.right, self.ties = self.pairs + pairs, self.right + right, self.ties + ties
            self.shares.append(right / pairs)

    def to_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.right / self.pairs if self.pairs else None,
            "query_mean": _mean(self.shares),
            "pairs": self.pairs,
            "ties": self.ties,
            "queries": len(self.shares),
        }


def calibration(run: Mapping[str, Ranking], qrels: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """How well the scores of a run order the grades of the judgements.

    Pairwise accuracy is the share of pairs of one query's passages, of two different grades, in which the better
    passage has the higher score. Adjacent grades are neighbours among all grades of the judgements. Kendall's tau-b
    (Kendall 1945, "The treatment of ties in ranking problems") is taken per query between scores and grades, 0 where
    all scores are equal, and averaged over the queries whose scored passages have two grades or more.

    Args:
        run: query id -> passages with scores.
        qrels: query id -> passage id -> grade.

    Returns:
        ``queries`` (judged), ``passages`` (judged, with a score), ``outside_run`` (judged, without one);
        ``grades``: grade -> ``passages``, ``outside_run``, ``mean_score``;
        ``adjacent`` and ``all``: ``accuracy`` over pairs (every pair counts once), ``query_mean`` (the mean of the
        queries' accuracies: every query counts once), and the numbers of ``pairs``, of ``ties`` among them and of
        ``queries`` that have such pairs;
        ``pairs_of_grades``: e.g. ``"2 over 1"`` -> the same and ``adjacent`` (bool);
        ``kendall_tau_b``: ``mean``, ``queries``. What has no pair or passage to be computed from is None.

    Raises:
        WrankError: a grade or a score that is no finite number.
    """
    scale = sorted({float(grade) for grades in qrels.values() for grade in grades.values()})
    if not all(map(math.isfinite, scale)):
        raise WrankError("calibration: the judgements hold a grade that is no finite number; wanted e.g. 0, 1, 2")
    neighbours = set(pairwise(scale))
    by_pair: dict[GradePair, _Pairs] = {pair: _Pairs() for pair in combinations(scale, 2)}
    adjacent, every = _Pairs(), _Pairs()
    scores_of: dict[float, list[np.ndarray]] = {grade: [] for grade in scale}
    outside = dict.fromkeys(scale, 0)
    taus: list[float] = []
    for query_id, grades in qrels.items():
        scores_P, grades_P = _scored(query_id, run.get(query_id, ()), grades, outside)
        for grade in np.unique(grades_P).tolist():
            scores_of[grade].append(scores_P[grades_P == grade])
        counts = _count_pairs(scores_P, grades_P)
        for pair, (right, ties, pairs) in counts.items():
            by_pair[pair].add(right, ties, pairs)
        every.add(*_sums(counts.values()))
        adjacent.add(*_sums(count for pair, count in counts.items() if pair in neighbours))
        if counts:
            taus.append(_tau_b(scores_P, grades_P))
    return {
        "queries": sum(bool(grades) for grades in qrels.values()),
        "passages": sum(len(scores) for parts in scores_of.values() for scores in parts),
        "outside_run": sum(outside.values()),
        "grades": {f"{grade:g}": _of_grade(scores_of[grade], outside[grade]) for grade in scale},
        "adjacent": adjacent.to_json(),
        "all": every.to_json(),
        "pairs_of_grades": {
            f"{high:g} over {low:g}": {**found.to_json(), "adjacent": (low, high) in neighbours}
            for (low, high), found in by_pair.items()
        },
        "kendall_tau_b": {"mean": _mean(taus), "queries": len(taus)},
    }


def _scored(
    query_id: str, ranking: Ranking, grades: Mapping[str, float], outside: dict[float, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Float32 scores [P] and grades [P] of the judged passages that have a score; counts the others in `outside`."""
    known = dict(ranking)
    scores: list[float] = []
    found: list[float] = []
    for passage_id, grade in grades.items():
        if passage_id in known:
            scores.append(known[passage_id])
            found.append(float(grade))
        else:
            outside[float(grade)] += 1
    scores_P = np.array(scores, dtype=np.float32)
    if not np.isfinite(scores_P).all():
        raise WrankError(f"calibration: a score of query {query_id!r} is no finite number; wanted one a passage")
    return scores_P, np.array(found, dtype=np.float64)


def _count_pairs(scores_P: np.ndarray, grades_P: np.ndarray) -> dict[GradePair, tuple[int, int, int]]:
    """(Lower, higher grade) -> pairs in right order, ties, pairs; for the grades that the query has."""
    ascending = {grade: np.sort(scores_P[grades_P == grade]) for grade in np.unique(grades_P).tolist()}
    counts = {}
    for low, high in combinations(ascending, 2):
        below = int(np.searchsorted(ascending[low], ascending[high], "left").sum())
        not_above = int(np.searchsorted(ascending[low], ascending[high], "right").sum())
        counts[low, high] = (below, not_above - below, len(ascending[low]) * len(ascending[high]))
    return counts


def _sums(counts: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    right = ties = pairs = 0
    for one in counts:
        right, ties, pairs = right + one[0], ties + one[1], pairs + one[2]
    return right, ties, pairs


def _tau_b(scores_P: np.ndarray, grades_P: np.ndarray) -> float:
    from scipy.stats import kendalltau  # takes a second to import

    if (scores_P == scores_P[0]).all():
        return 0.0  # tau-b is 0/0 here; scores that say nothing get no credit
    return float(kendalltau(scores_P, grades_P, variant="b").statistic)


def _of_grade(parts: list[np.ndarray], outside_run: int) -> dict[str, Any]:
    scores = np.concatenate(parts).astype(np.float64) if parts else np.empty(0)
    mean = float(scores.mean()) if len(scores) else None
    return {"passages": len(scores), "outside_run": outside_run, "mean_score": mean}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
