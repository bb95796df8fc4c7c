"""Tables for people about what was mined."""

from rich.table import Table

from wrank.data.collection import Collection
from wrank.mining.pairs import PAIRS
from wrank.store import Artifact
from wrank.tracking.table import out

_LEFT_OUT = {
    "excluded": "excluded for the query",
    "known_positive": "known positives, and their texts again",
    "judged": "judged irrelevant",
    "empty": "without text",
    "repeated_text": "a text that is in the ranking already",
    "inconsistent_query": "of inconsistent queries",
    "margin": "too near to the best positive",
    "outside_window": "outside the window",
    "not_drawn": "not among those drawn",
}
_TEXT = 300  # characters shown of a text


def print_mining(artifact: Artifact, collection: Collection) -> None:
    """What was kept, what was left out and why, some examples, and the file."""
    console, result = out(), artifact.manifest["result"]
    table = Table(title=f"mined {artifact.manifest['name']}")
    table.add_column("")
    table.add_column("", justify="right")
    kept = result["queries"] - result["inconsistent"] - result["without_candidates"]
    table.add_row("queries with pairs", f"{kept:,} of {result['queries']:,}")
    for word, words in (
        ("queries_without_positive", "  left out: no positive with a text"),
        ("inconsistent", "  left out: no positive ranks high enough"),
        ("without_candidates", "  left out: no candidate is left"),
    ):
        if result[word]:
            table.add_row(words, f"{result[word]:,}")
    table.add_row("pairs", f"{result['pairs']:,} of {result['ranked']:,} ranked")
    for reason, count in result["left_out"].items():
        if count:
            table.add_row(f"  left out: {_LEFT_OUT[reason]}", f"{count:,}")
    table.add_row("seconds", f"{artifact.manifest['seconds']:,.0f}")
    console.print(table)
    _print_examples(artifact, collection)
    console.print(str(artifact.path / PAIRS), soft_wrap=True, markup=False)


def _print_examples(artifact: Artifact, collection: Collection) -> None:
    table = Table(title="examples")
    for title in ("query", "best-scored positive", "best-ranked mined passage"):
        table.add_column(title, overflow="fold", ratio=2 if title != "query" else 1)
    passages = collection.passages
    for example in artifact.manifest["result"]["examples"]:
        table.add_row(
            _shown(collection.query_text(example["query"])),
            f"score {example['positive_score']:.4f}: {_shown(passages.text(passages.row(example['positive'])))}",
            f"rank {example['rank']}, score {example['score']:.4f}: "
            f"{_shown(passages.text(passages.row(example['negative'])))}",
            end_section=True,
        )
    out().print(table)


def _shown(text: str) -> str:
    words = " ".join(text.split()).replace("[", "\\[")
    return words if len(words) <= _TEXT else f"{words[:_TEXT]}..."
