"""Keeps the pairs with a grade from a score up."""

import math
from typing import Any

from wrank.data.step.base import Pairs, Step
from wrank.errors import WrankError


class MinScore(Step):
    """Keeps grades >= `score`, e.g. the positives of a binary source.

    Args:
        score: the lowest grade kept (inclusive).

    Raises:
        WrankError: a score that is no finite number.
    """

    def __init__(self, score: float) -> None:
        self.score = check_number("MinScore score", score)

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with ``grades >= score``; see `Step`."""
        return pairs.only(pairs.grades >= self.score)


def check_number(key: str, value: Any) -> float:
    """A finite number that came as a setting.

    Args:
        key: the class and the key, for the message.
        value: what came.

    Raises:
        WrankError: no number, NaN, or an infinity.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrankError(f"{key} is {value!r}; wanted a finite number")
    return float(value)
