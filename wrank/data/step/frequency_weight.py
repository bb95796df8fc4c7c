"""Gives a query's lists a weight in the loss that goes by how often the query was asked."""

import dataclasses
from typing import Any, Literal, get_args

import numpy as np

from wrank.data.frequencies import Frequencies
from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.errors import WrankError

Shape = Literal["rising", "falling"]


class FrequencyWeight(Step):
    """Weighs the lists of these pairs by their queries' frequencies f; a weight that was set before is replaced.

    Formula: ``rising``: ``f / (f + half)``; ``falling``: ``half / (f + half)``; never below `least`. So the two add up
    to 1 (where `least` does not hold), and are equal at f = `half`.

    Frequency-aware learning from two kinds of labels (arXiv 2511.06635): clicks are many and say most where a query is
    frequent, a language model's labels where it is rare. With clicks ``rising`` and the labels ``falling``, each a part
    with an objective of its own (`wrank.data.mix.Part`), a query's losses are added by these weights. The paper's own
    weights could not be read here; these are the simplest that go from one kind to the other.

    Args:
        frequencies: a file with ``query-id<TAB>count`` a line, or a word; see `Frequencies`.
        half: the frequency at which both weights are 1/2, above 0.
        shape: ``rising`` or ``falling``.
        least: smallest weight, above 0, up to 1.

    Attributes:
        counts: ``queries_without_frequency``: those that were never asked.

    Raises:
        WrankError: a value or file that cannot be used.
    """

    pairwise = True

    def __init__(self, frequencies: str, half: float, shape: Shape, least: float = 0.01) -> None:
        if shape not in get_args(Shape):
            raise WrankError(f"FrequencyWeight shape is {shape!r}; wanted one of {', '.join(get_args(Shape))}")
        self.half, self.least = check_number("FrequencyWeight half", half), check_number("FrequencyWeight least", least)
        if self.half <= 0:
            raise WrankError(f"FrequencyWeight half is {half!r}; wanted a frequency above 0")
        if not 0 < self.least <= 1:
            raise WrankError(f"FrequencyWeight least is {least!r}; wanted a weight above 0, up to 1")
        self.shape = shape
        self.frequencies = Frequencies(frequencies, "FrequencyWeight frequencies")
        self.counts: dict[str, int] = {}

    def identity(self) -> dict[str, Any]:
        """The settings, and what names the frequencies."""
        settings = {"half": self.half, "least": self.least, "shape": self.shape}
        return settings | {"frequencies": self.frequencies.identity()}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with their weights; see `Step`."""
        rows, inverse = np.unique(pairs.query_rows, return_inverse=True)
        asked = self.frequencies.of(pairs.queries, rows)
        weights = (asked if self.shape == "rising" else self.half) / (asked + self.half)
        self.counts = {"queries_without_frequency": int((asked == 0).sum())}
        return dataclasses.replace(pairs, weights=np.maximum(weights, self.least)[inverse])
