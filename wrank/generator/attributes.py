"""Attributes of a request (length, style, ...): declared as distributions, drawn by position."""

import hashlib
import itertools
import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from wrank.errors import WrankError

LONGEST = 15
"""Sentences of the longest passage that can be asked for."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_SPAN = 2**64

Declared = Mapping[str, Sequence[Any] | Mapping[Any, float] | None]
"""Name -> a list of values (weight 1; one that comes twice weighs twice) and of mappings value -> weight, or one such
mapping; None switches the attribute off."""


class Attributes:
    """Distributions that values are drawn from, each by its position alone: a resumed run draws the same.

    Args:
        declared: e.g. ``{"sentences": [2, 3], "style": {"news article": 1, "forum answer": 2}, "domain": None}``.
            ``sentences`` takes whole numbers from 1 to 15.

    Raises:
        WrankError: a name that is no word, no values, a weight below 0 or weights that are all 0, a value that is
            neither text nor a number, sentences out of range.
    """

    def __init__(self, declared: Declared) -> None:
        if not isinstance(declared, Mapping):
            raise WrankError(f"attributes is {declared!r}; wanted names with their values, e.g. {{sentences: [2, 3]}}")
        self._values: dict[str, list[str | int | float]] = {}
        self._bounds: dict[str, list[float]] = {}
        for name, values in declared.items():
            if not isinstance(name, str) or not _NAME.match(name):
                raise WrankError(f"attributes.{name}: wanted a name of small letters, digits and underscores")
            if values is not None:
                weights = _weights(name, values)
                self._values[name] = list(weights)
                self._bounds[name] = list(itertools.accumulate(weights.values()))

    @property
    def names(self) -> list[str]:
        """The attributes that are drawn, in the order declared."""
        return list(self._values)

    def identity(self) -> dict[str, list[list[Any]]]:
        """Name -> pairs of value and cumulated weight, as JSON values."""
        return {
            name: [list(pair) for pair in zip(self._values[name], self._bounds[name], strict=True)]
            for name in self.names
        }

    def draw(self, *position: int | str) -> dict[str, str | int | float]:
        """The values at a position, e.g. ``draw(seed, recipe, item_id, slot, attempt)``; the same each time."""
        drawn = {}
        for name, bounds in self._bounds.items():
            drawn[name] = self._values[name][
                bisect_right(bounds, share(*position, name) * bounds[-1], hi=len(bounds) - 1)
            ]
        return drawn

    def lines(self, drawn: Mapping[str, Any]) -> str:
        """Drawn values as a model reads them, one a line: ``reading level: general public``; only what is declared."""
        return "\n".join(f"{name.replace('_', ' ')}: {drawn[name]}" for name in self.names if name in drawn)


def share(*position: int | str) -> float:
    """A number from 0 up to 1 (excluded) that looks random and is a function of the position alone."""
    digest = hashlib.sha256(json.dumps(position).encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") / _SPAN


def _weights(name: str, values: Sequence[Any] | Mapping[Any, float]) -> dict[str | int | float, float]:
    if isinstance(values, str) or not isinstance(values, Sequence | Mapping):
        raise WrankError(f"attributes.{name} is {values!r}; wanted a list of values, or value: weight pairs")
    pairs: list[tuple[Any, Any]] = []
    for entry in [values] if isinstance(values, Mapping) else values:
        pairs += entry.items() if isinstance(entry, Mapping) else [(entry, 1)]
    weights: dict[str | int | float, float] = {}
    for value, weight in pairs:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
            raise WrankError(f"attributes.{name}: the value {value!r} is neither text nor a number")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise WrankError(f"attributes.{name}: the weight of {value!r} is {weight!r}; wanted a number from 0 up")
        if name == "sentences" and (not isinstance(value, int) or not 1 <= value <= LONGEST):
            raise WrankError(f"attributes.sentences: {value!r} is no whole number from 1 to {LONGEST}")
        weights[value] = weights.get(value, 0.0) + weight
    if not weights:
        raise WrankError(f"attributes.{name} has no values: give some, or null to leave the attribute out")
    if not any(weights.values()):
        raise WrankError(f"attributes.{name}: every weight is 0, so nothing can be drawn")
    return {value: weight for value, weight in weights.items() if weight}
