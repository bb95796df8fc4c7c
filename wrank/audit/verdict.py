"""What all the figures mean: the findings, worst first, and one sentence."""

from collections.abc import Mapping
from typing import Any

from wrank.audit.finding import ORDER, Finding, plural
from wrank.audit.finding_data import FEW, contamination, counts, duplicates, wording
from wrank.audit.finding_level import grader, judge, surface

LEAST = 20
"""Queries below which nothing found is no good news."""


def findings(figures: Mapping[str, Any], length_key: str) -> list[Finding]:
    """What the figures mean, worst first.

    Args:
        figures: what the analyses gave.
        length_key: the config key that sets how long passages are.
    """
    found = [
        *contamination(figures),
        *surface(figures, length_key),
        *duplicates(figures),
        *judge(figures),
        *grader(figures),
        *wording(figures),
        *counts(figures),
    ]
    return sorted(found, key=lambda finding: ORDER.index(finding.severity))


def verdict(found: list[Finding], queries: int) -> dict[str, str]:
    """The whole in one sentence.

    Returns:
        ``level`` (the worst severity), ``headline``, and ``size`` (a warning, or "").
    """
    count = {severity: sum(finding.severity == severity for finding in found) for severity in ORDER}
    problems, cautions = count["problem"], sum(f.severity == "caution" and f.code != "few_queries" for f in found)
    if problems:
        level, headline = "problem", f"Not fit to train on as it is: {plural(problems, 'problem')}"
        headline += f" and {plural(cautions, 'caution')}." if cautions else "."
    elif cautions:
        level, headline = "caution", f"Usable with care: {plural(cautions, 'thing')} to know."
    elif queries < LEAST:
        level, headline = "caution", "Too little data to say."
    else:
        level, headline = "good", "Nothing wrong was found."
    size = f"Small ({plural(queries, 'query', 'queries')}): look at the intervals." if queries < FEW else ""
    return {"level": level, "headline": headline, "size": size}
