"""What a user sets about what is kept of a ranking."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wrank.errors import WrankError

Kind = Literal["absolute", "relative"]
Choice = Literal["top", "random"]


@dataclass(frozen=True)
class Margin:
    """How far below the best-scored known positive a candidate must score.

    Attributes:
        kind: ``absolute``: below its score - value; ``relative``: below value * its score; None: no margin.
        value: in units of the score (absolute), or a share above 0, up to 1 (relative).
    """

    kind: Kind | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in get_args(Kind):
            raise WrankError(f"filter.margin.kind is {self.kind!r}; wanted {', '.join(get_args(Kind))} or null")
        if self.kind is None:
            if self.value is not None:
                raise WrankError(
                    f"filter.margin.value is {self.value!r}, but filter.margin.kind is null, so it would do nothing: "
                    f"set the kind (absolute or relative), or the value to null"
                )
            return
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not number or not math.isfinite(self.value or 0) or not self._fits(float(self.value or 0)):
            wanted = "a share above 0, up to 1" if self.kind == "relative" else "a number from 0 up"
            raise WrankError(f"filter.margin.value is {self.value!r}; wanted {wanted} for kind {self.kind}")

    @classmethod
    def of(cls, given: "Margin | Mapping[str, Any] | None") -> "Margin":
        """A margin from the keys of a configuration.

        Raises:
            WrankError: another key, or a value that is refused.
        """
        if isinstance(given, cls):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise WrankError(f"filter.margin is {given!r}; wanted the keys kind and value, or null")
        keys = dict(given or {})
        if unknown := sorted(set(keys) - {"kind", "value"}):
            raise WrankError(f"filter.margin.{unknown[0]}: no such key; the keys are kind and value")
        return cls(**keys)

    def _fits(self, value: float) -> bool:
        return 0 < value <= 1 if self.kind == "relative" else value >= 0

    def threshold(self, reference: float, query_id: str) -> float:
        """The score below which a candidate is kept.

        Args:
            reference: score of the best-scored known positive.
            query_id: for the message.

        Raises:
            WrankError: a share of a negative score, which would lie above that score.
        """
        if self.kind is None:
            return math.inf
        value = float(self.value or 0)
        if self.kind == "absolute":
            return reference - value
        if reference < 0:
            raise WrankError(
                f"filter.margin.kind is relative, but the best positive of query {query_id!r} scores {reference:g}: "
                f"{value:g} of a negative score lies above it; use filter.margin.kind=absolute"
            )
        return reference * value


@dataclass(frozen=True)
class FilterSettings:
    """What is kept of a ranking; checked when made.

    Attributes:
        skip_judged: whether every judged passage is left out; False: those judged irrelevant may be candidates.
        consistency: N: a query is kept only if one of its known positives is among the first N; None: every query.
        margin: how far below the best-scored known positive a candidate must score.
        window: first and last rank kept, counted from 1 after what was left out.
        per_query: how many of the window are kept a query; None: all.
        choice: which: the ``top`` ones, or ``random`` ones (a function of the seed and the query's id alone).
    """

    skip_judged: bool = True
    consistency: int | None = None
    margin: Margin | Mapping[str, Any] = Margin()
    window: Sequence[int] = (1, 100)
    per_query: int | None = None
    choice: Choice = "top"

    def __post_init__(self) -> None:
        if not isinstance(self.skip_judged, bool):
            raise WrankError(f"filter.skip_judged is {self.skip_judged!r}; wanted true or false")
        object.__setattr__(self, "margin", Margin.of(self.margin))
        for name, unit in (("consistency", "ranks"), ("per_query", "passages")):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or value < 1):
                raise WrankError(f"filter.{name} is {value!r}; wanted a whole number of {unit} from 1 up, or null")
        window = self.window
        whole = isinstance(window, Sequence) and len(window) == 2 and all(map(_is_whole, window))
        if not whole or not 1 <= window[0] <= window[1]:
            raise WrankError(f"filter.window is {window!r}; wanted [first, last] rank with 1 <= first <= last")
        object.__setattr__(self, "window", tuple(window))
        if self.choice not in get_args(Choice):
            raise WrankError(f"filter.choice is {self.choice!r}; wanted one of {', '.join(get_args(Choice))}")

    @property
    def draws(self) -> bool:
        """Whether anything depends on the seed."""
        return self.choice == "random" and self.per_query is not None

    def check_depth(self, depth: Any) -> None:
        """Checks that a ranking is deep enough for what is kept of it.

        Args:
            depth: ranks asked of the miner.

        Raises:
            WrankError: too few.
        """
        if not _is_whole(depth) or depth < 1:
            raise WrankError(f"depth is {depth!r}; wanted a whole number of ranks from 1 up")
        if depth < self.window[1]:
            raise WrankError(f"depth is {depth}, but filter.window ends at rank {self.window[1]}: raise depth")
        if self.consistency is not None and depth < self.consistency:
            raise WrankError(f"depth is {depth}, but filter.consistency looks at {self.consistency} ranks: raise depth")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
