"""Geometry of the comparison page's plots: where values lie, and the sorted bars of query differences.

Positions of rows are percentages, so that text keeps its size on a narrow screen and on paper. Sorted bars are one path
in a box of `WIDTH` x `HEIGHT` that is stretched to its place; above it lie invisible strips whose titles tell about the
queries under the pointer. Both are bounded, whatever the number of queries.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wrank.evaluation.significance import EQUAL

WIDTH, HEIGHT = 1000, 200
_TEXT = 80  # characters of a query in a title


class Scale:
    """Where values lie on a plot.

    Args:
        low: value at the left end.
        high: value at the right end.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high if high > low else low + 1

    @classmethod
    def around(cls, values: Iterable[float], *, zero: bool = False) -> "Scale":
        """A scale that holds all values, with a margin; it does not go below 0 when no value does.

        Args:
            values: at least one.
            zero: 0 lies on it, too.
        """
        known = [*values, *([0.0] if zero else [])]
        low, high = min(known), max(known)
        margin = 0.06 * (high - low) or 0.01
        return cls(low - margin if low < 0 or zero else max(low - margin, 0.0), high + margin)

    def at(self, value: float) -> str:
        """A position, e.g. ``37.5%``; values outside lie at the end."""
        return f"{100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0):.2f}%"

    def span(self, start: float, end: float) -> str:
        """The width between two values, in either order."""
        return f"{abs(float(self.at(end)[:-1]) - float(self.at(start)[:-1])):.2f}%"

    def ticks(self) -> list[float]:
        """Three to seven round numbers or so, ascending."""
        rough = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = min((factor * power for factor in (1, 2, 2.5, 5, 10)), key=lambda size: abs(size - rough))
        first = math.ceil(self.low / step - 1e-9)
        places = range(first, math.floor(self.high / step + 1e-9) + 1)
        return [round(place * step, 12) + 0.0 for place in places]


@dataclass(frozen=True)
class QueryValue:
    """One query under two systems.

    Attributes:
        query_id: its id.
        text: its text, or what stands for it when it is not known.
        base: the reference's value.
        own: the other system's value.
    """

    query_id: str
    text: str
    base: float
    own: float

    @property
    def difference(self) -> float:
        """The system's value - the reference's, with rounding set to 0."""
        found = self.own - self.base
        return 0.0 if abs(found) <= EQUAL else found


@dataclass(frozen=True)
class Strip:
    """A part of the plot that tells about its queries under the pointer.

    Attributes:
        path: its outline.
        title: what it tells.
    """

    path: str
    title: str


@dataclass(frozen=True)
class SortedBars:
    """Differences of all queries, the most improved first.

    Attributes:
        better: path of the bars above zero.
        worse: path of those below.
        strips: what the pointer finds.
        binned: how many queries share one bar, 1 if every query has its own.
    """

    better: str
    worse: str
    strips: tuple[Strip, ...]
    binned: int


def sorted_bars(ranked: Sequence[QueryValue], most: float, columns: int, strips: int) -> SortedBars:
    """The bars of queries.

    Args:
        ranked: the queries, the most improved first.
        most: the difference, either way, that the box is high enough for; above 0.
        columns: bars at most; with more queries a bar is the mean of neighbours in the order.
        strips: strips at most; 0 for none.
    """
    drawn: tuple[list[str], list[str]] = ([], [])
    bars = _split(len(ranked), columns)
    gap = 0.85 if len(bars) <= columns // 3 else 1.0
    for start, end in bars:
        mean = math.fsum(one.difference for one in ranked[start:end]) / (end - start)
        left, width = WIDTH * start / len(ranked), WIDTH * (end - start) / len(ranked)
        if mean:
            top = HEIGHT / 2 * (1 - max(-1.0, min(mean / most, 1.0)))
            path = f"M{_short(left)} {HEIGHT // 2}V{_short(top)}h{_short(width * gap)}V{HEIGHT // 2}z"
            drawn[mean < 0].append(path)
    found = [
        Strip(_column(start, end, len(ranked)), _title(ranked, start, end))
        for start, end in (_split(len(ranked), strips) if strips else [])
    ]
    return SortedBars("".join(drawn[0]), "".join(drawn[1]), tuple(found), -(-len(ranked) // len(bars)))


def listed(ranked: Sequence[QueryValue], most: int) -> tuple[list[QueryValue], list[QueryValue]]:
    """The most improved and the most harmed queries, the greatest change first; none that did not change."""
    improved = [one for one in ranked[:most] if one.difference > 0]
    harmed = [one for one in reversed(ranked[-most:]) if one.difference < 0]
    return improved, harmed


def rank_queries(base: dict[str, float], own: dict[str, float], text_of: Callable[[str], str]) -> list[QueryValue]:
    """The queries that both have, the most improved first, equal ones by id."""
    both = [QueryValue(query_id, text_of(query_id), base[query_id], own[query_id]) for query_id in base.keys() & own]
    return sorted(both, key=lambda one: (-one.difference, one.query_id))


def clip(text: str, length: int) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length].rstrip()}…"


def signed(value: float, digits: int = 4) -> str:
    """A number with its sign, a true minus; what rounds to 0 has none."""
    shown = f"{abs(value):.{digits}f}"
    if not float(shown):
        return shown
    return f"{'+' if value > 0 else '−'}{shown}"


def _split(queries: int, parts: int) -> list[tuple[int, int]]:
    parts = min(queries, parts)
    return [(queries * place // parts, queries * (place + 1) // parts) for place in range(parts)]


def _column(start: int, end: int, queries: int) -> str:
    left, width = _short(WIDTH * start / queries), _short(WIDTH * (end - start) / queries)
    return f"M{left} 0h{width}v{HEIGHT}h-{width}z"


def _title(ranked: Sequence[QueryValue], start: int, end: int) -> str:
    first, last = ranked[start], ranked[end - 1]
    if end - start == 1:
        values = f"{first.base:.4f} → {first.own:.4f} ({signed(first.difference)})"
        return f"\u2068{clip(first.text, _TEXT)}\u2069\n{values}"
    many = f"queries {start + 1:,} to {end:,}: {signed(first.difference)} to {signed(last.difference)}"
    return f"{many}\n\u2068{clip(first.text, _TEXT)}\u2069 {first.base:.4f} → {first.own:.4f} …"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
