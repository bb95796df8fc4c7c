"""Gives pairs other grades: all the same one, or one for each grade there is."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.errors import WrankError

Other = Literal["error", "keep", "drop"]


class Relabel(Step):
    """All grades become `to`, or each becomes what `map` says.

    Args:
        to: the grade of every pair.
        map: grade -> new grade; keys are numbers, or text that reads as one (``2``, ``2.0`` and ``"2"`` are the same).
            Exactly one of `to` and `map`.
        other: what becomes of a pair whose grade is not in the map: an ``error``; ``keep``: it stays as it is;
            ``drop``: it is left out.

    Attributes:
        counts: with a map, ``other_grades``: the pairs whose grade is not in it.

    Raises:
        WrankError: both or none of the two, a grade that is no finite number, two keys for one grade, or `other` where
            there is no map.
    """

    def __init__(self, to: float | None = None, map: Mapping[Any, float] | None = None, other: Other = "error") -> None:
        if (to is None) == (map is None):
            raise WrankError(f"Relabel to is {to!r} and Relabel map is {map!r}; wanted exactly one of them")
        if other not in get_args(Other):
            raise WrankError(f"Relabel other is {other!r}; wanted one of {', '.join(get_args(Other))}")
        if map is None and other != "error":
            raise WrankError(f"Relabel other is {other!r}, but without Relabel map it would do nothing: leave it out")
        self.to = None if to is None else check_number("Relabel to", to)
        self.map = None if map is None else read_levels("Relabel map", map)
        self.other = other
        self.pairwise = other != "drop"
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with their new grades; see `Step`.

        Raises:
            WrankError: grades that are not in the map, where that is an error.
        """
        if self.map is None:
            return pairs.graded(np.full(len(pairs), self.to))
        grades, known = look_up(self.map, pairs.grades)
        if self.other == "error":
            check_all_known("Relabel map", pairs, known, "add them, or set other to keep or drop")
        self.counts = {"other_grades": int(len(known) - known.sum())}
        new = pairs.graded(np.where(known, grades, pairs.grades))
        return new.only(known) if self.other == "drop" else new


def read_levels(key: str, given: Any) -> dict[float, float]:
    """Level -> number, as a configuration writes it, by ascending level.

    Args:
        key: the class and the key, for messages.
        given: keys are numbers, or text that reads as one.

    Raises:
        WrankError: no mapping, an empty one, a key or value that is no finite number, or two keys for one number.
    """
    if not isinstance(given, Mapping) or not given:
        raise WrankError(f"{key} is {given!r}; wanted grades with a number each, e.g. {{0: 0, 1: 0, 2: 1}}")
    levels: dict[float, float] = {}
    for name, value in given.items():
        try:
            level = check_number(key, float(name) if isinstance(name, str) else name)
        except (ValueError, WrankError):
            raise WrankError(f"{key} has the key {name!r}; wanted a finite number") from None
        if level in levels:
            raise WrankError(f"{key} has two keys for the grade {level:g}; wanted one")
        levels[level] = check_number(f"{key}.{name}", value)
    return dict(sorted(levels.items()))


def look_up(levels: Mapping[float, float], grades: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each grade is mapped to.

    Args:
        levels: of `read_levels`.
        grades: [P].

    Returns:
        float64 [P], and bool [P]: whether the grade is in the map; where it is not, the number means nothing.
    """
    keys, values = np.array(list(levels)), np.array(list(levels.values()))
    places = np.searchsorted(keys, grades).clip(max=len(keys) - 1)
    return values[places], keys[places] == grades


def check_all_known(key: str, pairs: Pairs, known: np.ndarray, advice: str) -> None:
    """Checks that every grade is in a map.

    Args:
        key: the class and the key, for the message.
        pairs: P pairs.
        known: bool [P].
        advice: what to do.

    Raises:
        WrankError: a grade that is not in it; three of them are named, with how often they come.
    """
    if not known.all():
        grades, numbers = np.unique(pairs.grades[~known], return_counts=True)
        some = ", ".join(f"{grade:g} ({n} pairs)" for grade, n in zip(grades[:3], numbers[:3], strict=True))
        more = f" and {len(grades) - 3} more" if len(grades) > 3 else ""
        raise WrankError(f"{pairs.place}: {key} has no {some}{more}: {advice}")
