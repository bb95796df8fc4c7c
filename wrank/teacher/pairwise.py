"""Preferences between the passages of one list: which pairs are looked at, and what scores say of them.

Shapes: K passages of a list, M pairs of it.
"""

from typing import Any, Literal

import numpy as np

from wrank.data.position import generator_at
from wrank.errors import WrankError


class Preferences:
    """Which pairs of a list's passages get a preference, and how scores become one.

    From scores s: p(i better than j) = sigmoid((s_i - s_j) / temperature).

    Args:
        pairs: None (no preferences), ``all``, ``adjacent`` (each passage and the next one, in the order of the scores,
            or of the grades where there are no scores yet), or a whole number: so many random pairs a list.
        temperature: divides the difference of two scores, in the scores' unit; without meaning for a teacher that
            gives preferences itself.
        seed: of the random pairs, which are a function of seed, query and length of the list.

    Raises:
        WrankError: a value out of its range.
    """

    def __init__(
        self, pairs: Literal["all", "adjacent"] | int | None = None, temperature: float = 1.0, seed: int = 0
    ) -> None:
        whole = isinstance(pairs, int) and not isinstance(pairs, bool) and pairs >= 1
        if not (pairs in (None, "all", "adjacent") or whole):
            raise WrankError(f"preferences.pairs={pairs}: wanted null, all, adjacent or a whole number from 1 up")
        if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < np.inf:
            raise WrankError(f"preferences.temperature={temperature}: wanted a number above 0")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise WrankError(f"preferences.seed={seed}: wanted a whole number from 0 up")
        self.pairs, self.temperature, self.seed = pairs, float(temperature), seed

    def identity(self) -> dict[str, Any] | None:
        """What can change a preference; None when none are made."""
        if self.pairs is None:
            return None
        seed = {"seed": self.seed} if isinstance(self.pairs, int) else {}
        return {"pairs": self.pairs, "temperature": self.temperature} | seed

    def choose(self, query_id: str, order_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which passages are compared.

        Args:
            query_id: the list's query.
            order_K: float, scores or grades; NaN counts as lowest.

        Returns:
            Two arrays [M] of places in the list, int64; no two passages come twice, in either order.
        """
        size = len(order_K)
        if self.pairs is None or size < 2:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        if self.pairs == "adjacent":
            places = np.argsort(-np.nan_to_num(order_K, nan=-np.inf), kind="stable")
            return places[:-1], places[1:]
        total = size * (size - 1) // 2
        if self.pairs == "all" or self.pairs >= total:
            return _decoded(np.arange(total), size)
        drawn = generator_at("preference", self.seed, query_id, size).choice(total, self.pairs, replace=False)
        return _decoded(np.sort(drawn), size)

    def of_scores(self, first_M: np.ndarray, second_M: np.ndarray) -> np.ndarray:
        """float64 [M]: sigmoid((first - second) / temperature), without overflow."""
        return 0.5 * (1 + np.tanh((first_M - second_M) / (2 * self.temperature)))


def mean_preference(first_M: np.ndarray, second_M: np.ndarray, p_M: np.ndarray, size: int) -> np.ndarray:
    """Scores from preferences: how often a passage is preferred to those that it was compared with.

    s_i = mean over i's comparisons of p(i better than the other one), 0 to 1; 0.5 for a passage without a comparison.

    Args:
        first_M: places, 0 to size - 1.
        second_M: likewise.
        p_M: probabilities that the first is the better one.
        size: passages.
    """
    total = np.bincount(first_M, p_M, size) + np.bincount(second_M, 1 - p_M, size)
    count = np.bincount(first_M, minlength=size) + np.bincount(second_M, minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), 0.5)


def _decoded(numbers_M: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j), i < j, from their numbers in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    rows = np.arange(size, dtype=np.int64)
    starts = rows * size - rows * (rows + 1) // 2  # the number of (i, i + 1)
    first_M = starts[:-1].searchsorted(numbers_M, side="right") - 1
    return first_M, numbers_M - starts[first_M] + first_M + 1
