"""Tables for people, on standard output."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wrank.evaluation.scored import Scored
from wrank.store import Artifact, Store

_COUNTS = {
    "queries_judged": "judged queries",
    "passages": "passages",
    "queries_missing": "judged queries that the run lacks (scored 0)",
    "queries_unjudged": "queries without a judgement (left out of the mean)",
    "queries_unjudged_in_run": "queries of the run file without a judgement (left out of the mean)",
    "queries_without_relevant": "queries without a relevant passage",
    "queries_constant": "queries whose passages all have one score (scored 0: no credit)",
    "excluded": "excluded pairs left out of the ranking",
    "dropped_self": "passages left out whose id is the query's",
    "passages_empty": "passages with neither title nor text",
    "passages_duplicate": "passages whose text another one has",
    "queries_truncated": "queries cut at the length limit",
    "passages_truncated": "passages cut at the length limit",
}


def out() -> Console:
    """Standard output, wide enough for a table when it is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=140, highlight=False)


def print_counts(scored: Scored, where: str) -> None:
    """What a person should know of an evaluation beside its figures: counts that are not 0, what an index missed.

    Args:
        scored: the evaluation.
        where: its set.
    """
    console = out()
    console.print(f"{scored.name} on {where}:")
    counts: Mapping[str, int] = scored.result.get("counts", {})
    for name, words in _COUNTS.items():
        if counts.get(name) or name in ("queries_judged", "passages"):
            console.print(f"{counts.get(name, 0):>8,} {words}")
    if index := scored.result.get("index"):
        recall = ", ".join(f"{key} {value:.4f}" for key, value in index.items() if key.startswith("recall@"))
        console.print(f"index {index['name']} against exact search on {index['recall_queries']} queries: {recall}")
    if pairs := scored.result.get("rerank"):
        console.print(f"{pairs['pairs']:>8,} pairs reranked, {pairs['unscored']:,} of them without a score")
    if alike := scored.result.get("coherence"):
        console.print(
            f"{alike['pairs']:>8,} pairs of wordings of one question: overlap@{alike['depth']} {alike['overlap']:.4f}, "
            f"RBO {alike['rbo']:.4f}"
        )
    console.print(str(scored.path), soft_wrap=True)


def print_training(artifact: Artifact) -> None:
    """What a training did, and its folder."""
    console, result = out(), artifact.manifest["result"]
    table = Table(title=f"training {artifact.manifest['name']}")
    table.add_column("")
    table.add_column("", justify="right")
    for key, words in (
        ("train_queries", "training queries"),
        ("dev_queries", "dev queries"),
        ("steps", "optimizer steps"),
        ("best_step", "best step by the dev score"),
    ):
        if key in result:
            table.add_row(words, f"{result[key]:,}")
    if result.get("best_step") == 0:
        table.add_row("", "(the untrained weights scored best on the dev queries)")
    if "best_dev" in result:
        table.add_row("best dev nDCG@10", f"{result['best_dev']:.4f}")
    table.add_row("seconds", f"{artifact.manifest['seconds']:.0f}")
    console.print(table)
    console.print(str(artifact.path), soft_wrap=True)


def print_status(store: Store, *, whole: bool = True) -> None:
    """The finished artifacts of a store, and the unfinished ones.

    Args:
        store: the store.
        whole: a row an artifact; else how many there are of each kind.
    """
    console, artifacts = out(), store.artifacts()
    if not whole:
        counts = Counter(str(artifact.manifest["kind"]) for artifact in artifacts)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        console.print(
            f"{store.root}: {len(artifacts)} artifacts{': ' + kinds if kinds else ''} (artifacts=true lists them)",
            soft_wrap=True,
        )
        _print_unfinished(store)
        return
    table = Table(title=f"{store.root}: {len(artifacts)} finished")
    for name, side in (
        ("kind", "left"),
        ("name", "left"),
        ("key", "left"),
        ("finished", "left"),
        ("seconds", "right"),
        ("MB", "right"),
    ):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for artifact in artifacts:
        manifest = artifact.manifest
        size = sum(entry["bytes"] for entry in manifest["files"].values()) / 1e6
        finished = str(manifest["finished"])[:19].replace("T", " ")
        table.add_row(
            manifest["kind"],
            manifest["name"],
            manifest["key"][:16],
            finished,
            f"{manifest['seconds']:,.0f}",
            f"{size:,.1f}",
        )
    console.print(table)
    _print_unfinished(store)


def _print_unfinished(store: Store) -> None:
    console = out()
    for path in store.unfinished():
        console.print(f"unfinished (at work now, or killed; the same command goes on): {_relative(path, store.root)}")


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
