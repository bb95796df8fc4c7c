"""The page of a comparison: one HTML file with its plots inside, without scripts, safe whatever queries and names hold.

It needs no network and no other file. Everything that comes from the data is escaped by the template engine; the
content policy in the page's head forbids scripts and requests besides.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wrank.evaluation.comparison_data import Comparison
from wrank.files import write_atomic
from wrank.tracking.comparison_plot import clip, signed
from wrank.tracking.comparison_verdict import p_words, verdicts
from wrank.tracking.comparison_view import (
    LISTED,
    diagnoses,
    interval_plots,
    main_grid,
    measure_tables,
    query_plots,
    shift_plot,
)

_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # not allowed in HTML, or no text at all
_FACTS = 600  # facts shown at most
_ROWS = 40  # rows of a table that is open at first


def write_page(path: Path, comparison: Comparison, title: str, facts: Mapping[str, str]) -> None:
    """Writes the page, whole or not at all.

    Args:
        path: the HTML file; its folder exists.
        comparison: what it shows.
        title: heading of the page, e.g. the study.
        facts: name -> value, shown at the end: commands, versions, counts of dropped queries.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    write_atomic(path, page(comparison, title, facts))


def page(comparison: Comparison, title: str, facts: Mapping[str, str]) -> str:
    """The page as text; see `write_page`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"value": _value, "signed": signed, "p": p_words, "clip": clip}
    html = environment.get_template("comparison.html.j2").render(
        title=title,
        comparison=comparison,
        verdicts=verdicts(comparison),
        grid=main_grid(comparison),
        plots=interval_plots(comparison),
        queries=query_plots(comparison),
        shift=shift_plot(comparison),
        diagnosis=diagnoses(comparison),
        measures=measure_tables(comparison),
        facts=list(facts.items())[:_FACTS],
        facts_left_out=max(0, len(facts) - _FACTS),
        listed=LISTED,
        open_rows=_ROWS,
    )
    return _UNWRITABLE.sub("\ufffd", html)


def _value(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
