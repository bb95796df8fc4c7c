"""The audit: every analysis, what it means in words, and the two files that hold it."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.audit import threshold
from wrank.audit.contamination import contamination
from wrank.audit.counts import count_words, counts
from wrank.audit.data import AuditInput, Graded
from wrank.audit.duplicates import duplicates
from wrank.audit.giveaway import giveaways
from wrank.audit.judge import by_grades, by_similarity
from wrank.audit.page import page
from wrank.audit.settings import AuditSettings
from wrank.audit.surface import leaks, read_surface
from wrank.audit.verdict import findings, verdict
from wrank.audit.wording import wording
from wrank.files import write_atomic

SCHEMA = 1
"""Version of what `audit.json` holds."""


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Attributes:
        figures: JSON values: ``verdict`` (``level``, ``headline``, ``size``), ``findings`` (``code``, ``severity``,
            ``title``, ``text``, ``advice``; worst first), ``failures``, and the figures of each analysis: ``counts``,
            ``duplicates``, ``surface``, ``giveaway``, ``contamination``, ``judge``, ``grader``, ``wording``.
        settings: what was asked for.
    """

    figures: Mapping[str, Any]
    settings: AuditSettings

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        return " ".join(filter(None, (self.figures["verdict"]["headline"], self.figures["verdict"]["size"])))

    @property
    def findings(self) -> list[dict[str, str]]:
        """Things to know, worst first: ``code``, ``severity``, ``title``, ``text``, ``advice``."""
        return list(self.figures["findings"])

    def failures(self, settings: AuditSettings | None = None) -> list[str]:
        """The thresholds that are crossed, in words; empty = passed.

        Args:
            settings: other thresholds than those of the audit.
        """
        return threshold.failures(self.figures, settings or self.settings)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values (no NaN, no infinity)."""
        return dict(self.figures)


def audit(data: AuditInput, settings: AuditSettings, note: Callable[[str], None] = lambda step: None) -> Report:
    """Says whether graded data is any good.

    Args:
        data: queries, graded passages, and what they are held against.
        settings: samples, intervals and thresholds.
        note: called with what is done next, for people who wait.

    Raises:
        WrankError: nothing to audit, data that cannot be right, or a judge that answers nonsense.
    """
    graded = Graded(data, settings.sample)
    note(f"audit: {len(graded.of_query):,} queries, {len(graded.passages):,} passages: counts and duplicates")
    figures: dict[str, Any] = {
        "schema": SCHEMA,
        "name": data.name,
        "settings": dataclasses.asdict(settings),
        "sample": {"queries": len(graded.sample), "rows": len(graded.sampled_rows), "of": len(graded.of_query)},
        "counts": counts(graded, count_words(graded.texts)),
        "duplicates": duplicates(graded, settings.near_duplicate, settings.examples),
        "wording": wording(graded, settings.near_duplicate, settings.examples),
    }
    note("audit: contamination")
    figures["contamination"] = contamination(graded, settings.near_duplicate, settings.examples)
    note(f"audit: what gives the levels away ({len(graded.sample):,} queries)")
    surface = read_surface(graded)
    figures["surface"], scores = leaks(graded, surface, settings)
    figures["giveaway"] = giveaways(graded, surface, scores, settings.examples)
    figures["judge"] = figures["grader"] = None
    if data.similarity is not None:
        note(f"audit: the order by {data.similarity_name} ({len(graded.sampled_rows):,} pairs)")
        figures["judge"] = by_similarity(graded, data.similarity, data.similarity_name, settings)
    if data.grader is not None:
        note(f"audit: grades by {data.grader_name} ({len(graded.sampled_rows):,} pairs)")
        figures["grader"] = by_grades(graded, data.grader, data.grader_name, settings)
    figures["rejects"], figures["written"] = dict(data.rejects), dict(data.counts)
    found = findings(figures, data.length_key)
    figures["findings"] = [{**dataclasses.asdict(finding), "title": finding.title} for finding in found]
    figures["verdict"] = verdict(found, figures["counts"]["queries"])
    figures["failures"] = threshold.failures(figures, settings)
    return Report(_plain(figures), settings)


def write_audit(folder: Path, report: Report) -> None:
    """Writes ``audit.json`` and ``audit.html`` (one file that needs nothing else), each whole or not at all.

    Raises:
        WrankError: a place that cannot be written.
    """
    text = json.dumps(report.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
    write_atomic(folder / "audit.json", text.encode("utf-8", "replace") + b"\n")
    write_atomic(folder / "audit.html", page(report.figures).encode("utf-8", "replace"))


def _plain(value: Any) -> Any:
    """JSON values: numbers of NumPy made plain and rounded to six digits, NaN made None, keys made strings."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value if isinstance(value, int) else str(value)
