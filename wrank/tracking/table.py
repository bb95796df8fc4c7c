"""Tables for people, on standard output."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from wrank.evaluation.compare import Difference, paired_difference
from wrank.evaluation.scored import Scored
from wrank.store import Artifact, Store

_COUNTS = {
    "queries_judged": "judged queries",
    "passages": "passages",
    "queries_missing": "judged queries that the run lacks (scored 0)",
    "queries_unjudged": "queries without a judgement (left out of the mean)",
    "queries_without_relevant": "queries without a relevant passage",
    "excluded": "excluded pairs left out of the ranking",
    "dropped_self": "passages left out whose id is the query's",
    "queries_truncated": "queries cut at the length limit",
    "passages_truncated": "passages cut at the length limit",
}


def out() -> Console:
    """Standard output, wide enough for a table when it is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=140, highlight=False)


def print_evaluation(scored: Scored, where: str) -> None:
    """One model's measures on one split, the counts behind them, and the folder."""
    console = out()
    table = Table(title=f"{scored.name} on {where}")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for measure, value in scored.measures.items():
        table.add_row(measure, f"{value:.4f}")
    console.print(table)
    counts: Mapping[str, int] = scored.result.get("counts", {})
    for name, words in _COUNTS.items():
        if counts.get(name) or name in ("queries_judged", "passages"):
            console.print(f"{counts.get(name, 0):>8,} {words}")
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


def print_comparison(base: Scored, trained: Sequence[Scored], where: str) -> None:
    """The base and what was trained from it, measure by measure, with the difference in the first measure."""
    table = _comparison_table(f"test: {where}", list(base.measures))
    table.add_row(base.name, "", *(f"{value:.4f}" for value in base.measures.values()), "", "", "")
    for scored in trained:
        _add_row(table, scored.name, [scored], base)
    console = out()
    console.print(table)
    console.print(_CAPTION)
    for scored in trained:
        console.print(str(scored.path), soft_wrap=True)


def print_sweep(bases: Mapping[str, Scored], rows: Sequence[tuple[dict[str, Any], Scored]]) -> None:
    """One table a collection and base over all jobs of a sweep; jobs that differ in the seed alone are one row."""
    console = out()
    groups: dict[tuple[str, str], dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    names = _row_names([result for result, _ in rows])
    for name, (result, scored) in zip(names, rows, strict=True):
        groups[result["collection"], result["base"]][name].append(scored)
    for (where, base_path), by_name in groups.items():
        base = bases[base_path]
        table = _comparison_table(f"test: {where}", list(base.measures))
        table.add_row(base.name, "", *(f"{value:.4f}" for value in base.measures.values()), "", "", "")
        for name, seeds in by_name.items():
            _add_row(table, name, seeds, base)
        console.print(table)
    console.print(_CAPTION)


_CAPTION = (
    "difference: in the first measure, against the base; 95% interval: bootstrap over the test queries; "
    "one that holds 0 is no proof of a difference. ±: standard deviation over seeds."
)


def _row_names(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Model, loss, and every other word that is not the same in all jobs, but the seed."""
    words = [[word for word in result["overrides"] if not word.startswith("seed=")] for result in results]
    common = set.intersection(*map(set, words)) if words else set()
    names = []
    for result, own in zip(results, words, strict=True):
        kept = [word for word in own if word not in common and not word.startswith(("model=", "loss=", "model.path="))]
        names.append(" ".join([result["base_name"], result["choices"].get("loss", ""), *kept]).strip())
    return names


def _comparison_table(title: str, measures: Sequence[str]) -> Table:
    table = Table(title=title)
    table.add_column("run")
    table.add_column("seeds", justify="right")
    for measure in measures:
        table.add_column(measure, justify="right")
    table.add_column("difference", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("better / worse / equal", justify="right")
    return table


def _add_row(table: Table, name: str, seeds: Sequence[Scored], base: Scored) -> None:
    cells = []
    for measure in base.measures:
        values = [scored.measures[measure] for scored in seeds]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.4f}{spread}")
    difference = seeds_difference(base, seeds)
    table.add_row(
        name,
        str(len(seeds)),
        *cells,
        f"{difference.mean:+.4f}",
        f"{difference.low:+.4f} .. {difference.high:+.4f}",
        f"{difference.better} / {difference.worse} / {difference.equal}",
    )


def seeds_difference(base: Scored, seeds: Sequence[Scored]) -> Difference:
    """Difference to the base in the first measure; each query counts with its mean over the seeds."""
    measure = next(iter(base.measures))
    averaged = {
        query_id: {measure: statistics.mean(scored.per_query[query_id][measure] for scored in seeds)}
        for query_id in seeds[0].per_query
    }
    return paired_difference(base.per_query, averaged, measure)


def print_status(store: Store) -> None:
    """Every finished artifact and every unfinished one of a store."""
    console, artifacts = out(), store.artifacts()
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
    for path in store.unfinished():
        console.print(f"unfinished (at work now, or killed; the same command goes on): {_relative(path, store.root)}")


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
