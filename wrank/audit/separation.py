"""How well two levels can be told apart by given features: cross-validated by query, with an interval.

The figure is the area under the ROC curve: the probability that a passage of the higher level gets a higher score than
one of the lower; 0.5 = the features say nothing. Folds hold whole queries, so what is scored was never trained on, and
passages are compared within a fold only, because scores of two classifiers do not compare. With few queries the folds
are drawn several times and averaged.

Classifiers of two folds share most of what they were trained on, so the bootstrap over queries alone is too sure of
itself. The interval of a fitted classifier is therefore widened by the factor of Nadeau and Bengio, "Inference for the
Generalization Error" (2003): sqrt(1 + folds x test share / training share), 1.5 for five folds. On data without a
leak (60 queries) it then held 0.5 in 94 of 100 cases.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from wrank.audit.interval import Estimate, draws, percentile
from wrank.audit.settings import AuditSettings

FOLDS = 5
FEWEST = 8  # queries with both or either level; below, nothing is estimated
_ENOUGH = 400  # queries a fit sees are repeated up to about this many, at most 5 times

Features: TypeAlias = Any
"""A table of numbers or a sparse one (`csr_array`), one row a passage."""


@dataclass(frozen=True)
class Separation:
    """How two levels are told apart.

    Attributes:
        auc: any passage of the higher level against any of the lower.
        within: the same against passages of its own query alone, or None where no query has both.
        scores: for each row the mean score, NaN where it was never scored.
    """

    auc: Estimate
    within: Estimate | None
    scores: NDArray[np.float64]


def separation(
    features: Features,
    higher: NDArray[np.bool_],
    queries: Sequence[str],
    make: Callable[[], Any] | None,
    settings: AuditSettings,
) -> Separation | None:
    """Tells rows of two levels apart.

    Args:
        features: one row a passage.
        higher: whether it is of the higher level.
        queries: its query's id.
        make: makes a scikit-learn classifier; None takes the first feature itself as the score: nothing is fitted.
        settings: folds' seed and interval.

    Returns:
        None with too few queries to say anything.
    """
    ids, group = np.unique(np.asarray(queries, dtype=str), return_inverse=True)
    if min(len(np.unique(group[higher])), len(np.unique(group[~higher]))) < FEWEST:
        return None
    count = len(ids)
    repeats = 1 if make is None else int(np.clip(_ENOUGH // count, 1, 5))
    drawn = draws(count, settings.bootstrap, settings.seed)
    weights = np.concatenate([np.ones((1, count)), drawn])  # the first row is the data itself
    right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    right_own, pairs_own = np.zeros(len(weights)), np.zeros(len(weights))
    scores, scored = np.zeros(len(higher)), np.zeros(len(higher))
    for repeat in range(repeats):
        for train, test in _folds(group, make is not None, settings.seed + repeat):
            score = _scores(features, higher, train, test, make)
            scores[test] += score
            scored[test] += 1
            won, met, places = _compare(score, higher[test], group[test])
            part = weights[:, places]
            right += ((part @ won) * part).sum(1)
            pairs += ((part @ met) * part).sum(1)
            right_own += part @ np.diag(won)
            pairs_own += part @ np.diag(met)
    if not pairs[0]:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        auc, own, mean = right / pairs, right_own / pairs_own, scores / scored
    both = len(np.intersect1d(group[higher], group[~higher]))
    within = percentile(own[0], own[1:], settings.confidence, both) if pairs_own[0] else None
    told = percentile(auc[0], auc[1:], settings.confidence, count)
    if make is not None:
        told, within = _widened(told), within and _widened(within)
    return Separation(told, within, mean)


def _widened(estimate: Estimate) -> Estimate:
    factor, value = np.sqrt(1 + FOLDS / (FOLDS - 1)), estimate.value
    low, high = value - factor * (value - estimate.low), value + factor * (estimate.high - value)
    return replace(estimate, low=float(max(low, 0.0)), high=float(min(high, 1.0)))


def _folds(group: NDArray[np.int64], fitted: bool, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if not fitted:
        yield np.empty(0, dtype=np.int64), np.arange(len(group))
        return
    folds = GroupKFold(min(FOLDS, int(group.max()) + 1), shuffle=True, random_state=seed)
    yield from folds.split(group, groups=group)


def _scores(
    features: Features,
    higher: NDArray[np.bool_],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    make: Callable[[], Any] | None,
) -> NDArray[np.float64]:
    if make is None:
        return np.asarray(features[test, 0], dtype=float)
    if higher[train].all() or not higher[train].any():
        return np.zeros(len(test))
    model = make().fit(features[train], higher[train])
    return np.asarray(model.decision_function(features[test]), dtype=float)


def _compare(
    score: NDArray[np.float64], higher: NDArray[np.bool_], group: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Pairs won (a tie is half) and pairs met [queries with the higher level x with the lower], and who they are."""
    places, local = np.unique(group, return_inverse=True)
    up, down = np.flatnonzero(higher), np.flatnonzero(~higher)
    high_of, low_of = _one_hot(local[up], len(places)), _one_hot(local[down], len(places))
    won = np.zeros((len(places), len(places)))
    for start in range(0, len(up), 512):  # bounds memory
        part = slice(start, start + 512)
        difference = score[up[part], None] - score[down][None, :]
        wins = (np.sign(np.where(np.abs(difference) < 1e-12, 0.0, difference)) + 1) / 2
        won += high_of[part].T @ (wins @ low_of)
    return won, np.outer(high_of.sum(0), low_of.sum(0)), places


def _one_hot(of: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    matrix = np.zeros((len(of), size))
    matrix[np.arange(len(of)), of] = 1
    return matrix
