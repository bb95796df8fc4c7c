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

    A query whose judgements are all relevant (grades 1 and 2, say) would have its lowest ones made irrelevant: `floor`
    0 keeps 0 the low end there, so 1 and 2 become 0.5 and 1.

    Args:
        low: from 0 up.
        high: above `low`.
        floor: the low end is never above it: ``lowest`` is min(lowest, floor); None = each query's own lowest grade,
            for values whose 0 means nothing, e.g. a teacher's scores.

    Attributes:
        counts: ``queries_without_difference``: left out, as all their grades are equal; ``relevant_made_irrelevant``:
            pairs with a grade above 0 that have 0 now.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0, floor: float | None = None) -> None:
        self.low, self.high = check_number("MinMax low", low), check_number("MinMax high", high)
        if not 0 <= self.low < self.high:
            raise WrankError(f"MinMax low is {low!r} and MinMax high is {high!r}; wanted 0 <= low < high")
        self.floor = None if floor is None else check_number("MinMax floor", floor)
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with their stretched grades; see `Step`."""
        grades, kept = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=bool)
        flat = 0
        for places in by_size(pairs.offsets()):
            values = pairs.grades[places]
            lowest = values.min(axis=1, keepdims=True)
            lowest = lowest if self.floor is None else np.minimum(lowest, self.floor)
            span = values.max(axis=1, keepdims=True) - lowest
            differ = span[:, 0] > 0
            share = (values - lowest)[differ] / span[differ]
            grades[places[differ]] = self.low + (self.high - self.low) * share
            kept[places[differ]] = True
            flat += int((~differ).sum())
        lost = int((kept & (pairs.grades > 0) & (grades == 0)).sum())
        self.counts = {"queries_without_difference": flat, "relevant_made_irrelevant": lost}
        return pairs.graded(grades).only(kept)
