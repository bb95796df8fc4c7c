"""Grades become probabilities of relevance."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from wrank.data.step.base import Pairs, Step
from wrank.data.step.relabel import check_all_known, look_up, read_levels
from wrank.errors import WrankError


class Probability(Step):
    """Maps each level to the probability that a passage of this level is relevant.

    Such grades are targets of pointwise losses that take graded relevance as a probability: BiXSE (arXiv 2508.06781).
    `Relabel` maps to any numbers; this one holds them to what a probability must be.

    Args:
        levels: level -> probability, e.g. ``{0: 0.0, 1: 0.1, 2: 0.6, 3: 0.95}``; keys as in `Relabel`. Every grade
            there is must be in it.

    Raises:
        WrankError: a key that is no finite number, two keys for one level, a probability outside [0, 1], or a higher
            level with a lower probability.
    """

    pairwise = True

    def __init__(self, levels: Mapping[Any, float]) -> None:
        self.levels = read_levels("Probability levels", levels)
        for level, value in self.levels.items():
            if not 0 <= value <= 1:
                raise WrankError(f"Probability levels has {value:g} for {level:g}; wanted a probability from 0 to 1")
        for (low, p), (high, q) in pairwise(self.levels.items()):
            if q < p:
                raise WrankError(
                    f"Probability levels has {p:g} for {low:g}, but {q:g} for {high:g}; wanted no lower probability "
                    f"for a higher level"
                )

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with probabilities as grades; see `Step`.

        Raises:
            WrankError: grades that have no probability.
        """
        grades, known = look_up(self.levels, pairs.grades)
        check_all_known("Probability levels", pairs, known, "give every grade a probability")
        return pairs.graded(grades)
