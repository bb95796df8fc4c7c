"""Tables for people about what a teacher said."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from wrank.store import Artifact
from wrank.tracking.table import out

_COUNTS = {
    "pairs": "pairs scored",
    "queries": "queries",
    "preferences": "preferences",
    "unjudged_pairs": "pairs without a grade among them",
    "repeated": "further pairs that were there already",
    "truncated": "cut at the length limit",
    "failed": "answers without a score",
    "queries_left_out": "queries left out because of them",
    "pairs_left_out": "pairs left out with these",
}
_ALWAYS = ("pairs", "queries")


def print_scores(artifact: Artifact) -> None:
    """Counts, scores by grade, agreement with the grades, three lists, and the folder."""
    console, result = out(), artifact.manifest["result"]
    table = Table(title=f"scores {escape(artifact.manifest['name'])}")
    table.add_column("")
    table.add_column("", justify="right")
    for word, words in _COUNTS.items():
        if (count := result["counts"][word]) or word in _ALWAYS:
            table.add_row(words, f"{count:,}")
    share, compared = result["agreement"]["share"], result["agreement"]["pairs"]
    if share is not None:
        table.add_row(f"agreement: of {compared:,} pairs of unequal grade in order (0.5 = chance)", f"{share:.3f}")
    if mass := result["mass"]:
        table.add_row(
            "probability on the tokens asked for, mean (10% below)", f"{mass['mean']:.3f} ({mass['p10']:.3f})"
        )
    if (first := result["first_shown"]) is not None:
        table.add_row("probability of the passage shown first (0.5 = no bias)", f"{first:.3f}")
    table.add_row("seconds", f"{artifact.manifest['seconds']:,.0f}")
    console.print(table)
    console.print(_by_grade(result))
    for reason, count in result["failures"]["reasons"].items():
        console.print(f"{count:>8,} without a score: {reason}", markup=False)
    for example in result["failures"]["examples"]:
        console.print(f"         {example}", markup=False, soft_wrap=True)
    console.print(_lists(result))
    console.print(str(artifact.path), soft_wrap=True, markup=False)


def _by_grade(result: Mapping[str, Any]) -> Table:
    table = Table(title="scores by grade")
    for title in ("grade", "pairs", "mean", "10% below", "50% below", "90% below"):
        table.add_column(title, justify="right")
    for row in result["by_grade"]:
        grade = "not judged" if row["grade"] is None else f"{row['grade']:g}"
        table.add_row(grade, f"{row['pairs']:,}", *(f"{row[word]:.3f}" for word in ("mean", "p10", "p50", "p90")))
    return table


def _lists(result: Mapping[str, Any]) -> Table:
    table = Table(title="three lists")
    table.add_column("query and passage")
    for title in ("grade", "score"):
        table.add_column(title, justify="right")
    for example in result["examples"]:
        table.add_row(f"[bold]{escape(example['query'])}[/bold]", "", "")
        for number, row in enumerate(example["passages"], start=1):
            grade = "" if row["grade"] is None else f"{row['grade']:g}"
            last = number == len(example["passages"])
            table.add_row(f"  {escape(row['passage'])}", grade, f"{row['score']:.3f}", end_section=last)
    return table
