"""The table of feedback re-ranking, on standard output."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from wrank.tracking.table import out

_LEFT_OUT = {
    "queries_few_relevant": "with fewer relevant passages than k, or none left to be found",
    "queries_few_nonrelevant": "with fewer non-relevant passages than k",
}


def print_feedback(figures: Mapping[str, Any], where: str) -> None:
    """For each k: the first stage and the re-ranked candidates, both on what is left of the collection.

    Args:
        figures: what `wrank.evaluation.feedback.result.FeedbackResult.to_json` gives.
        where: the test set.
    """
    console = out()
    table = Table(title=f"feedback ({figures['settings']['method']['name']}) on {where}: residual collection")
    heads = ("k", "queries", "measure", "first stage", "with feedback", "difference", "95% interval", "± over seeds")
    for head in heads:
        table.add_column(head, justify="left" if head == "measure" else "right")
    for k, one in figures["ks"].items():
        for measure, value in one["measures"].items():
            before, spread = one["first_stage"][measure], one["spread"][measure]
            cells = [measure, f"{before:.4f}", f"{value:.4f}", f"{value - before:+.4f}"]
            cells += [_interval(one.get("difference"), measure), "" if spread is None else f"{spread:.4f}"]
            table.add_row(k, f"{one['counts']['queries_scored']:,}", *cells)
        table.add_section()
    console.print(table)
    for k, one in figures["ks"].items():
        for key, words in _LEFT_OUT.items():
            if one["counts"][key]:
                console.print(f"k={k}: {one['counts'][key]:,} queries left out {words}")
    console.print(
        "k relevant and k non-relevant judged passages of each query are revealed; they leave rankings and judgements, "
        "for the first stage too, so these figures are not those of the whole collection. The interval is of the "
        "difference: a paired bootstrap over queries, each with its mean over seeds."
    )


def _interval(difference: Mapping[str, Any] | None, measure: str) -> str:
    if difference is None or difference["measure"] != measure:
        return ""
    return f"[{difference['low']:+.4f}, {difference['high']:+.4f}]"
