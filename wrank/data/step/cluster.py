"""Cuts each query's scores into a high and a low group, where they fall apart by themselves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.data.step.take import by_size
from wrank.errors import WrankError

_TIE = 1e-12  # of the sum of squares: differences below it are rounding


class Cluster(Step):
    """Exact one-dimensional k-means of each query's grades: the highest group is positive, the lowest negative.

    The groups are those with the least sum of squared distances to their means. In one dimension they are runs of the
    sorted grades, so every cut is tried: the sum is least where ``sum over groups of (sum of the group)^2 / (its
    size)`` is greatest, and prefix sums give each of these at once. Equal grades are never cut apart. Of equally good
    cuts the smallest lowest group counts, then the smallest highest one (with two groups: the smallest highest one).

    With three groups the middle one, which is neither, is left out. No threshold has to hold for all queries, unlike
    with `MinScore` and `MaxScore`. So SCARLet (arXiv 2504.00573) samples positives and negatives from the utility that
    passages have for a generator: k-means into three groups, queries kept that have more negatives than positives
    (`more_negatives`); its k-means starts at random, this one is exact.

    Args:
        positive: grade of the highest group.
        negative: grade of the lowest group, below `positive`.
        groups: 2 or 3.
        more_negatives: leave a query out unless it has more negatives than positives.

    Attributes:
        counts: ``queries_with_too_few_values``: left out, having fewer distinct grades than there are groups;
            ``pairs_in_the_middle``: left out; ``queries_with_too_few_negatives``: left out by `more_negatives`.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(
        self, positive: float = 1.0, negative: float = 0.0, groups: int = 3, more_negatives: bool = False
    ) -> None:
        self.positive = check_number("Cluster positive", positive)
        self.negative = check_number("Cluster negative", negative)
        if self.positive <= self.negative:
            raise WrankError(f"Cluster positive is {positive!r}; wanted more than Cluster negative, {negative!r}")
        if isinstance(groups, bool) or groups not in (2, 3):
            raise WrankError(f"Cluster groups is {groups!r}; wanted 2 or 3")
        if not isinstance(more_negatives, bool):
            raise WrankError(f"Cluster more_negatives is {more_negatives!r}; wanted true or false")
        self.groups, self.more_negatives = int(groups), more_negatives
        self.counts: dict[str, int] = {}

    def identity(self) -> dict[str, Any]:
        """See `Step.identity`; `more_negatives` only where it is set, so that older mixes keep their keys."""
        return {name: value for name, value in super().identity().items() if name != "more_negatives" or value}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs of the highest and the lowest groups; see `Step`."""
        grades = np.zeros(len(pairs))
        kept = np.zeros(len(pairs), dtype=bool)
        offsets = pairs.offsets()
        cut = middle = few = 0
        for places in by_size(offsets, self.groups):
            order = np.argsort(pairs.grades[places], axis=1, kind="stable")
            places = np.take_along_axis(places, order, axis=1)
            values = pairs.grades[places]
            enough = (values[:, 1:] != values[:, :-1]).sum(axis=1) + 1 >= self.groups
            places = places[enough]
            low, high = _cuts(values[enough], self.groups)
            rank = np.arange(places.shape[1])
            grades[places] = np.where(rank >= high[:, None], self.positive, self.negative)
            ends = (rank < low[:, None]) | (rank >= high[:, None])
            wanted = (low > len(rank) - high) | (not self.more_negatives)
            kept[places] = ends & wanted[:, None]
            cut, middle, few = cut + len(places), middle + int((~ends).sum()), few + int((~wanted).sum())
        self.counts = {
            "queries_with_too_few_values": len(offsets) - 1 - cut,
            "pairs_in_the_middle": middle,
        } | ({"queries_with_too_few_negatives": few} if self.more_negatives else {})
        return pairs.graded(grades).only(kept)


def _cuts(values: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """The best cuts of Q queries with n grades each.

    Args:
        values: [Q, n], each row ascending with at least `groups` distinct values.
        groups: 2 or 3.

    Returns:
        int64 [Q] twice: the lowest group ends before the first, the highest begins at the second; equal for two groups.
    """
    queries, n = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    sums = np.pad(np.cumsum(centred, axis=1), ((0, 0), (1, 0)))
    tail = (sums[:, -1:] - sums[:, :n]) ** 2 / np.arange(n, 0, -1)  # of a highest group that begins at a place
    between = np.pad(values[:, 1:] != values[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    tie = _TIE * (centred**2).sum(axis=1)
    best, low, high = np.full(queries, -np.inf), np.zeros(queries, np.int64), np.zeros(queries, np.int64)
    lows: Sequence[int] = range(1, n - 1) if groups == 3 else (0,)  # two groups are three, the lowest of them empty
    for first in lows:
        gains = (sums[:, first + 1 : n] - sums[:, first, None]) ** 2 / np.arange(1, n - first)
        gains += tail[:, first + 1 :] + (sums[:, first, None] ** 2 / max(first, 1))
        gains[~(between[:, first + 1 :] & between[:, first, None])] = -np.inf
        top = gains.max(axis=1)
        last = n - 1 - np.argmax((gains >= (top - tie)[:, None])[:, ::-1], axis=1)
        better = top > best + tie
        best, low, high = np.where(better, top, best), np.where(better, first, low), np.where(better, last, high)
    return (high, high) if groups == 2 else (low, high)
