"""Whether an independent judge agrees with the grades."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from wrank.audit.counts import spread
from wrank.audit.data import Graded, Grader, Similarity
from wrank.audit.duplicates import passage_record
from wrank.audit.interval import as_json, draws, percentile, ratio
from wrank.audit.settings import AuditSettings
from wrank.errors import WrankError

SCALE = (0, 1, 2, 3)
"""Grades of a judge that gives grades."""


def by_similarity(data: Graded, judge: Similarity, name: str, settings: AuditSettings) -> dict[str, Any]:
    """Agreement of the order by similarity with the order by grade, within each query.

    Args:
        data: what is audited.
        judge: scores pairs.
        name: the judge.
        settings: intervals and examples.

    Returns:
        JSON values: `accuracy` (share of a query's pairs of different grades that are in the right order, a tie is
        half), the same for adjacent levels; `tau` (Kendall's tau-b, mean over queries); `ndcg` (ranking by similarity,
        gain = grade); spread of the similarity by level; and the queries that are most out of order.

    Raises:
        WrankError: the judge gives another number of scores, or one that is not finite.
    """
    rows = data.sampled_rows
    scores = _numbers(judge([data.query(int(row)) for row in rows], [data.rows[row].text for row in rows]), rows, name)
    told = _agreement(data, rows, scores, settings)
    told |= {
        "name": name,
        "levels": [
            {"grade": data.levels[level], "similarity": spread(scores[data.level_of[rows] == level])}
            for level in range(len(data.levels))
        ],
        "worst": _misordered(data, rows, scores, settings.examples),
    }
    return told


def by_grades(data: Graded, judge: Grader, name: str, settings: AuditSettings) -> dict[str, Any]:
    """Agreement of a judge that gives grades 0..3.

    Args:
        data: what is audited.
        judge: grades pairs.
        name: the judge.
        settings: intervals.

    Returns:
        JSON values: what `by_similarity` tells of the order, and where the data's grades are of the same scale Cohen's
        kappa (unweighted, quadratic; Cohen 1960, 1968) and the confusion matrix (rows: the data's grades).

    Raises:
        WrankError: the judge gives another number of grades, or one outside the scale.
    """
    rows = data.sampled_rows
    given = list(judge([(data.query(int(row)), data.rows[row].text) for row in rows]))
    if len(given) != len(rows):
        raise WrankError(f"{name}: {len(given)} grades for {len(rows)} pairs; wanted one (or None) a pair")
    if wrong := [grade for grade in given if grade is not None and grade not in SCALE]:
        raise WrankError(f"{name}: the grade {wrong[0]!r} is not one of {SCALE}")
    read = np.array([grade is not None for grade in given])
    grades = np.array([grade for grade in given if grade is not None], dtype=float)
    told: dict[str, Any] = {"name": name, "pairs": len(rows), "unread": int((~read).sum())}
    if not read.any():
        return told | {"kappa": None, "order": None}
    order = _agreement(data, rows[read], grades, settings)
    truth = np.array([data.rows[row].grade for row in rows[read]])
    if not set(truth.tolist()) <= set(SCALE):
        return told | {"kappa": None, "order": order}
    queries = [data.rows[row].query_id for row in rows[read]]
    return told | {"order": order, **_kappa(truth.astype(int), grades.astype(int), queries, settings)}


def _agreement(
    data: Graded, rows: NDArray[np.int64], scores: NDArray[np.float64], settings: AuditSettings
) -> dict[str, Any]:
    levels = len(data.levels)
    place = {int(row): number for number, row in enumerate(rows)}
    used = [[place[row] for row in data.of_query[id] if row in place] for id in data.sample]
    right, pairs = np.zeros((len(used), levels, levels)), np.zeros((len(used), levels, levels))
    taus, gains = np.full(len(used), np.nan), np.full(len(used), np.nan)
    for number, places in enumerate(used):
        level, score = data.level_of[rows[places]], scores[places]
        above = level[:, None] > level[None, :]
        high, low = np.nonzero(above)
        won = (np.sign(score[high] - score[low]) + 1) / 2
        np.add.at(right[number], (level[high], level[low]), won)
        np.add.at(pairs[number], (level[high], level[low]), 1)
        if len(high):
            taus[number] = kendalltau(level, score).statistic if len(set(score.tolist())) > 1 else 0.0
            gains[number] = _ndcg(np.array(data.levels)[level], score)
    options: dict[str, Any] = {name: getattr(settings, name) for name in ("bootstrap", "confidence", "seed")}
    every = ratio(right.sum((1, 2)), pairs.sum((1, 2)), **options)
    adjacent = []
    for lower in range(levels - 1):
        one = ratio(right[:, lower + 1, lower], pairs[:, lower + 1, lower], **options)
        adjacent.append({"low": data.levels[lower], "high": data.levels[lower + 1], "accuracy": as_json(one)})
    return {
        "queries": len(used),
        "accuracy": as_json(every),
        "adjacent": adjacent,
        "tau": _mean(taus, options),
        "ndcg": _mean(gains, options),
    }


def _mean(values: NDArray[np.float64], options: dict[str, Any]) -> dict[str, Any] | None:
    known = np.isfinite(values)
    return as_json(ratio(np.where(known, values, 0.0), known.astype(float), **options))


def _ndcg(grades: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """The gain of tied passages is their mean gain: their order among themselves says nothing."""
    gains = np.maximum(grades, 0.0)
    discount = 1 / np.log2(np.arange(2, len(gains) + 2))
    ideal = float(np.sort(gains)[::-1] @ discount)
    if not ideal:
        return float("nan")
    _, group = np.unique(-scores, return_inverse=True)
    mean = np.bincount(group, weights=gains) / np.bincount(group)
    return float(mean[np.sort(group)] @ discount) / ideal


def _misordered(
    data: Graded, rows: NDArray[np.int64], scores: NDArray[np.float64], examples: int
) -> list[dict[str, Any]]:
    """The queries whose order by similarity is furthest from that by grade (smallest tau-b), with their passages."""
    place = {int(row): number for number, row in enumerate(rows)}
    found = []
    for id in data.sample:
        places = [place[row] for row in data.of_query[id] if row in place]
        level, score = data.level_of[rows[places]], scores[places]
        if len(set(level.tolist())) > 1 and len(set(score.tolist())) > 1:
            gap = float(score[level < level.max()].max() - score[level == level.max()].max())
            found.append((float(kendalltau(level, score).statistic), -gap, id, places))
    shown = []
    for tau, _, id, places in sorted(found)[:examples]:
        ranked = sorted(places, key=lambda one: -scores[one])[:8]
        shown.append(
            {
                "query_id": id,
                "query": data.source.queries[id][:500],
                "tau": tau,
                "passages": [
                    passage_record(data, int(rows[one])) | {"similarity": float(scores[one])} for one in ranked
                ],
            }
        )
    return shown


def _kappa(
    truth: NDArray[np.int64], given: NDArray[np.int64], queries: Sequence[str], settings: AuditSettings
) -> dict[str, Any]:
    ids, group = np.unique(np.asarray(queries, dtype=str), return_inverse=True)
    tables = np.zeros((len(ids), len(SCALE), len(SCALE)))
    np.add.at(tables, (group, truth, given), 1)
    resampled = np.tensordot(draws(len(ids), settings.bootstrap, settings.seed), tables, axes=1)
    told: dict[str, Any] = {}
    for name, weights in (("kappa", None), ("quadratic", "quadratic")):
        if len(np.unique(np.concatenate([truth, given]))) < 2:
            told[name] = None  # one grade everywhere: agreement by chance is certain
            continue
        value = float(cohen_kappa_score(truth, given, labels=SCALE, weights=weights))
        bars = np.array([_kappa_of(table, weights is not None) for table in resampled])
        told[name] = as_json(percentile(value, bars, settings.confidence, len(ids)))
    return told | {"confusion": confusion_matrix(truth, given, labels=SCALE).tolist(), "scale": list(SCALE)}


def _kappa_of(table: NDArray[np.float64], quadratic: bool) -> float:
    """Kappa of a confusion matrix; NaN where chance agreement is certain."""
    places = np.arange(len(table))
    cost = np.subtract.outer(places, places) ** 2 if quadratic else 1 - np.eye(len(table))
    chance = np.outer(table.sum(1), table.sum(0)) / table.sum()
    expected = float((cost * chance).sum())
    return 1 - float((cost * table).sum()) / expected if expected else float("nan")


def _numbers(given: Any, rows: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    scores = np.asarray(given, dtype=float)
    if scores.shape != rows.shape:
        raise WrankError(f"{name}: scores of shape {scores.shape} for {len(rows)} pairs; wanted one score a pair")
    if not np.isfinite(scores).all():
        raise WrankError(f"{name}: {int((~np.isfinite(scores)).sum())} scores are not finite: check the model")
    return scores
