"""The contract of a judge: what an audit holds the grades against."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Similarity = Callable[[list[str], list[str]], np.ndarray]
"""(n queries, n passages) -> n scores, higher = more similar, pair by pair."""

Grader = Callable[[list[tuple[str, str]]], Sequence[int | None]]
"""n (query, passage) pairs -> n grades, None where none could be read."""


class Judge:
    """Judges nothing; the base of those that do."""

    name = "none"

    def identity(self) -> dict[str, Any]:
        """JSON values that can change a judgement."""
        return {"judge": self.name}

    def similarity(self) -> Similarity | None:
        """The judge's order of passages, or None when it gives none."""
        return None

    def grader(self) -> Grader | None:
        """The judge's grades, or None when it gives none."""
        return None

    def title(self) -> str:
        """What it is called in reports."""
        return self.name
