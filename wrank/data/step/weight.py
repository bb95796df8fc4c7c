"""Gives the lists of a part their weight in the loss."""

import dataclasses

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.errors import WrankError


class Weight(Step):
    """Sets the weight that the lists of these pairs have in the loss; one that was set before is replaced.

    Args:
        value: above 0; a list without one weighs 1.

    Raises:
        WrankError: no finite number, or none above 0.
    """

    pairwise = True

    def __init__(self, value: float) -> None:
        self.value = check_number("Weight value", value)
        if self.value <= 0:
            raise WrankError(f"Weight value is {value!r}; wanted a number above 0: leave a part out that is to weigh 0")

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with `value` as the weight of each; see `Step`."""
        return dataclasses.replace(pairs, weights=np.full(len(pairs), self.value))
