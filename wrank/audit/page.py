"""The page of an audit: one HTML file with its plots inside, readable by anyone, safe whatever the passages hold.

Plots are rows: words in HTML, geometry in an SVG whose positions are percentages, so that text keeps its size on a
narrow screen and on paper. Everything that comes from the data is escaped by the template engine.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from wrank.audit.finding import percent
from wrank.audit.finding_level import LEAK, SURE
from wrank.audit.surface import FAMILIES, OVERLAP, describe
from wrank.audit.threshold import auc
from wrank.generator.text import Text

_SEVERITY = {"problem": "Problem", "caution": "Caution", "note": "Note", "good": "Good"}


def page(figures: Mapping[str, Any]) -> str:
    """The page.

    Args:
        figures: what `wrank.audit.report.Report.to_json` gives.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"pct": _percent, "num": _number, "mark": mark, "clip": clip, "code": code}
    return environment.get_template("page.html.j2").render(
        figures=figures,
        severity=_SEVERITY,
        titles=_titles(figures["findings"]),
        families=describe(),
        leaks=[_leak_rows(pair) for pair in figures["surface"]],
        lengths=Scale.of([level["words"] for level in figures["counts"]["levels"]], zero=True),
        similarities=Scale.of([level["similarity"] for level in (figures["judge"] or {}).get("levels", ())]),
        unit=Scale(0.0, 1.0),
        most=max(level["judgements"] for level in figures["counts"]["levels"]),
    )


class Scale:
    """Where values lie on a plot.

    Args:
        low: value at the left end.
        high: value at the right end.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high if high > low else low + 1

    @classmethod
    def of(cls, spreads: Sequence[Mapping[str, Any]], zero: bool = False) -> "Scale":
        """A scale that holds the middle 90% of every spread, and most of the rest."""
        known = [one["quantiles"] for one in spreads if one["quantiles"]]
        if not known:
            return cls(0.0, 1.0)
        low, high = min(one["p5"] for one in known), max(one["p95"] for one in known)
        margin = 0.15 * (high - low) or 0.5
        return cls(0.0 if zero else low - margin, high + margin)

    def at(self, value: float) -> str:
        """A position, e.g. ``37.5%``; values outside lie at the end."""
        return f"{100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0):.2f}%"

    def span(self, start: float, end: float) -> str:
        """A width."""
        return f"{max(float(self.at(end)[:-1]) - float(self.at(start)[:-1]), 0.0):.2f}%"

    def ticks(self) -> list[float]:
        """About five round numbers."""
        rough = (self.high - self.low) / 4
        size = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 10.0 ** -(len(f"{1 / rough:.0f}"))
        step = min((size * factor for factor in (1, 2, 2.5, 5, 10)), key=lambda one: abs(one - rough))
        first = -(-self.low // step) * step
        return [round(first + step * n, 6) for n in range(12) if first + step * n <= self.high + 1e-9]


def mark(text: str, name: str) -> Markup:
    """A passage, escaped, with the words of a feature marked (a feature that begins with ``^``: the first word)."""
    words = [word for word in name.split() if word != "^"]
    first_only = name.startswith("^")
    made: list[Markup] = []
    seen = 0
    for piece in re.split(r"(\s+)", text):
        tokens = Text(piece).tokens
        hit = bool(set(tokens) & set(words)) and not (first_only and seen)
        seen += bool(tokens)
        made.append(Markup("<mark>{}</mark>").format(piece) if hit else escape(piece))
    return Markup("").join(made)


def code(text: str) -> Markup:
    """A sentence, escaped, with what stands between backticks set as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts)
    )


def clip(text: str, length: int = 500) -> str:
    """A text, cut where it is long."""
    return text if len(text) <= length else f"{text[:length].rstrip()} …"


def _titles(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stands under the verdict: what is wrong, or, when nothing is, what is right; each once."""
    wrong = [
        one["title"] for one in found if one["severity"] in ("problem", "caution") and one["code"] != "few_queries"
    ]
    return list(dict.fromkeys(wrong or [one["title"] for one in found if one["severity"] == "good"]))


def _leak_rows(pair: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for family in (*FAMILIES, OVERLAP):
        told = pair["families"][family]
        if told is None:
            continue
        state = "good"
        if family in LEAK:
            value, least = auc(family, told["auc"])
            if value >= LEAK[family][0] and least > SURE:
                state = "problem" if value >= LEAK[family][1] else "caution"
        rows.append({"family": family, "state": "overlap" if family == OVERLAP else state, **told})
    return {"low": pair["low"], "high": pair["high"], "rows": rows}


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if digits == 0 else f"{value:.{digits}f}"
