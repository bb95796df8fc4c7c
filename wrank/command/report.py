"""Compares what is in the store: a table with intervals and tests, curves, costs, as Markdown, LaTeX, CSV and one page.

``wrank report WORD ...`` takes the studies and runs whose names fit a word (a glob); study=, loss=, since= and the
other keys of ``where`` narrow it down. It reads manifests and the evaluations' own files, never a tracking service; it
trains and scores nothing.
"""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wrank.command.reading import reads
from wrank.config import plain
from wrank.tracking.report.choose import Filter, as_words
from wrank.tracking.report.gather import gather
from wrank.tracking.report.library import Library
from wrank.tracking.report.terminal import print_report
from wrank.tracking.report.write import write_report

_LISTS = ("words", "study", "name", "loss", "model", "data", "tags")


@reads
def main(cfg: DictConfig, library: Library) -> None:
    """One job of ``wrank report``."""
    where = plain(cfg, "where")
    found: dict[str, Any] = {key: as_words(key, where[key]) for key in _LISTS}
    found |= {key: None if where[key] is None else str(where[key]) for key in ("kind", "since", "until")}
    formats = as_words("formats", plain(cfg, "formats"))
    gathered = gather(
        library,
        Filter(**found),
        reference=plain(cfg, "reference"),
        sets=as_words("sets", plain(cfg, "sets")),
        measure=plain(cfg, "measure"),
        alpha=float(plain(cfg, "alpha")),
    )
    title = str(plain(cfg, "title") or gathered.told)
    out = plain(cfg, "out")
    _, files = write_report(gathered, title, formats, None if out is None else Path(str(out)).expanduser())
    print_report(gathered)
    for path in files:
        print(path)
