"""Grades become percentile ranks."""

from typing import Literal, get_args

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.take import by_size
from wrank.errors import WrankError

Over = Literal["query", "all"]


class Percentile(Step):
    """A grade becomes the share of grades that it is above, those equal to it counted half.

    Formula: ``(below + equal / 2) / n``, of n grades of which `below` are lower and `equal` are the same, itself
    included. So ranks lie inside (0, 1), their mean is 0.5, ties share their mean rank, and one grade alone is 0.5.
    It makes scores of different scales alike, and forgets how far apart they were.

    Args:
        over: ranks among the grades of the ``query``, or of ``all`` queries.

    Raises:
        WrankError: another word.
    """

    def __init__(self, over: Over) -> None:
        if over not in get_args(Over):
            raise WrankError(f"Percentile over is {over!r}; wanted one of {', '.join(get_args(Over))}")
        self.over = over

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with their ranks as grades; see `Step`."""
        offsets = pairs.offsets() if self.over == "query" else np.array([0, len(pairs)])
        grades = np.empty(len(pairs))
        for places in by_size(offsets):
            grades[places] = _ranks(pairs.grades[places])
        return pairs.graded(grades)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Percentile ranks within each row of [Q, n]."""
    n = values.shape[1]
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    differ = ordered[:, 1:] != ordered[:, :-1]
    place = np.arange(n)
    first = np.maximum.accumulate(np.where(np.pad(differ, ((0, 0), (1, 0))), place, 0), axis=1)
    ends = np.where(np.pad(differ, ((0, 0), (0, 1)), constant_values=True), place + 1, n)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + after) / (2 * n), axis=1)
    return ranks
