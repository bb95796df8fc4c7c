"""The report as one HTML file: no scripts, no requests, safe whatever names and queries hold.

Verdict and table come first; the rest is for those who doubt them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wrank.files import sha256_of_json
from wrank.tracking.comparison_plot import clip, signed
from wrank.tracking.comparison_verdict import p_words, verdicts
from wrank.tracking.comparison_view import interval_plots, query_plots, shift_plot
from wrank.tracking.report.configuration import NONE, differing, shown
from wrank.tracking.report.cost import cost_plot, costs, duration, quality_name
from wrank.tracking.report.curves import figures
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.headline import figure, finding
from wrank.tracking.report.table import seeds_of, table

_FOLDER = Path(__file__).parent
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # not allowed in HTML, or no text at all
_NOTES = 12  # shown at most
_LINEAGE = 300  # rows at most


def looks() -> str:
    """SHA-256 of what the page looks like: a page of an older look is made anew."""
    files = ("report.html.j2", "report.css", "../comparison.css", "page.py", "headline.py", "table.py", "latex.py")
    return sha256_of_json([(_FOLDER / name).read_text(encoding="utf-8") for name in files])


def to_page(gathered: Gathered, title: str, facts: Mapping[str, str]) -> str:
    """The page.

    Args:
        gathered: what it shows.
        title: heading.
        facts: name -> value, near the end.
    """
    environment = Environment(
        loader=FileSystemLoader([_FOLDER.parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"value": _value, "signed": signed, "p": p_words, "clip": clip, "duration": duration}
    comparison, cost = gathered.comparison, costs(gathered)
    keys, names = configured(gathered)
    html = environment.get_template("report/report.html.j2").render(
        title=title,
        finding=finding(comparison),
        figure=figure(comparison),
        comparison=comparison,
        averaged=len(comparison.averaged) > 1,
        lines=table(gathered),
        seeds_of=seeds_of,
        notes=gathered.notes,
        note_limit=_NOTES,
        verdicts=verdicts(comparison),
        plots=interval_plots(comparison),
        figures=figures(gathered),
        costs=cost,
        cost_plot=cost_plot(gathered, cost),
        quality_name=quality_name(gathered),
        shift=shift_plot(comparison),
        queries=query_plots(comparison),
        differing=keys,
        configured=names,
        lineage=_lineage(gathered),
        facts=list(facts.items()),
    )
    return _UNWRITABLE.sub("\ufffd", html)


def configured(gathered: Gathered) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """(Key, each trained system's value) where they are not all the same; and the systems."""
    rows = [row for row in gathered.rows if row.trainings]
    trees = [row.config for row in rows]
    return [(key, [shown(tree, key) for tree in trees]) for key in differing(trees)], [row.name for row in rows]


def commit_of(manifest: Mapping[str, Any]) -> str:
    """The short commit, with a star where the checkout had other changes; a dash where it is not known."""
    git = manifest.get("git") or {}
    return f"{git['commit'][:10]}{'*' if git.get('dirty') else ''}" if git.get("commit") else NONE


def _lineage(gathered: Gathered) -> list[dict[str, Any]]:
    found = []
    for row in gathered.rows:
        for run in row.runs:
            training = run.training.manifest if run.training else None
            for name, one in run.evaluations.items() or [("", None)]:
                manifest = one.manifest if one else training or {}
                found.append(
                    {
                        "system": row.name,
                        "seed": NONE if run.seed is None else run.seed,
                        "set": name,
                        "evaluation": manifest["key"][:16] if one else NONE,
                        "training": training["key"][:16] if training else NONE,
                        "commit": commit_of(training or manifest),
                        "finished": str(manifest["finished"])[:16].replace("T", " "),
                    }
                )
    return found[:_LINEAGE]


def _value(value: float | None, digits: int = 4) -> str:
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "−")
