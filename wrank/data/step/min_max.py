"""Stretches each query's grades over one range."""

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.data.step.take import by_size
from wrank.errors import WrankError


class MinMax(Step):
    """A query's lowest grade becomes `low`, its highest `high`, those between keep their distances.

    Formula: ``low + (high - low) * (grade - lowest) / (highest - lowest)``. So utilities or a teacher's scores, which
    may be negative and of any scale, become continuous grades from 0 up that list-wise losses take as they are
    (`Percentile` forgets the distances, `Cluster` makes two levels of them).

    Args:
        low: from 0 up.
        high: above `low`.

    Attributes:
        counts: ``queries_without_difference``: left out, as all their grades are equal.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low, self.high = check_number("MinMax low", low), check_number("MinMax high", high)
        if not 0 <= self.low < self.high:
            raise WrankError(f"MinMax low is {low!r} and MinMax high is {high!r}; wanted 0 <= low < high")
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with their stretched grades; see `Step`."""
        grades, kept = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=bool)
        flat = 0
        for places in by_size(pairs.offsets()):
            values = pairs.grades[places]
            lowest, span = values.min(axis=1, keepdims=True), np.ptp(values, axis=1, keepdims=True)
            differ = span[:, 0] > 0
            share = (values - lowest)[differ] / span[differ]
            grades[places[differ]] = self.low + (self.high - self.low) * share
            kept[places[differ]] = True
            flat += int((~differ).sum())
        self.counts = {"queries_without_difference": flat}
        return pairs.graded(grades).only(kept)
