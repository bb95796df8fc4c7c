"""Keeps the pairs with a grade below a score."""

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number


class MaxScore(Step):
    """Keeps grades < `score`, e.g. the negatives of a binary source.

    With `MinScore` of the same score, every pair is in exactly one of the two parts.

    Args:
        score: the lowest grade that is left out (exclusive).

    Raises:
        WrankError: a score that is no finite number.
    """

    def __init__(self, score: float) -> None:
        self.score = check_number("MaxScore score", score)

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with ``grades < score``; see `Step`."""
        return pairs.only(pairs.grades < self.score)
