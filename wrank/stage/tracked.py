"""What a tracker is told of artifacts: figures, tables, pages, and what was made from what.

Nothing here stops a job: what cannot be read or told is a warning.
"""

import functools
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wrank.config import plain
from wrank.data.collection import Collection
from wrank.evaluation.scored import Scored
from wrank.files import read_jsonl
from wrank.manifest import MANIFEST, read_manifest
from wrank.stage.context import Context
from wrank.stage.generation import GenerationPlan, generate
from wrank.stage.identity import identity
from wrank.stage.test_set import TestSet
from wrank.store import Artifact, Stage
from wrank.tracking.base import Tracker, closing
from wrank.tracking.report.library import Library
from wrank.trec import read_judgements

log = logging.getLogger(__name__)

SAMPLES = 12
"""Passages of each level in the sample table of a generation."""


def _harmless(tell: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(tell)
    def told(*words: Any, **named: Any) -> None:
        try:
            tell(*words, **named)
        except Exception as error:
            log.warning("tracking: %s: %s; it is left out", tell.__name__, error)

    return told


@_harmless
def tell_used(tracker: Tracker, context: Context, stage: Stage, collection: Collection | None = None) -> None:
    """What a stage is made from: passages written, negatives, scores, the round before, and the collection.

    Args:
        tracker: its run is open.
        context: the job.
        stage: what will be made.
        collection: what it reads; None: it is not told.
    """
    if not tracker.wants_artifacts:
        return
    parents = {parent.path.absolute(): parent.manifest for _, parent in Library(context.store).parents(stage.facts)}
    folders = [] if collection is None else _folders(context, collection)
    for folder in filter(None, map(_artifact_of, [*folders, *given(context, stage)])):
        parents.setdefault(folder, read_manifest(folder))
    for path in parents:
        tracker.artifact(path, "used")
    if collection is not None:
        written = sorted(one["content_key"] for one in parents.values() if one["kind"] == "generation")
        facts = {"split": collection.split, **collection.describe(), "inputs": {"generation": written}}
        tracker.data(collection.name, collection.fingerprint, facts)


def given(context: Context, stage: Stage) -> list[str]:
    """The folders that a stage reads because ``model.path`` (where it has a model) or ``pairs`` names them."""
    uses_model = {"model", "scorer"} & {*stage.config, *stage.inputs}
    keys = (*(["model.path"] if uses_model else []), "pairs")
    return [str(value) for key in keys if (value := plain(context.cfg, key)) is not None]


def _folders(context: Context, collection: Collection) -> list[str]:
    """Where a collection was read, as far as that is a folder."""
    if collection.mixed is not None:
        return list(map(str, collection.mixed.folders))
    path = getattr(context.source, "path", None)
    return [str(path)] if isinstance(path, str | Path) else []


def _artifact_of(given: str) -> Path | None:
    """The finished artifact that a folder, or a folder or file just below it, belongs to."""
    path = Path(given).expanduser().absolute()
    return next((folder for folder in (path, path.parent) if (folder / MANIFEST).is_file()), None)


@_harmless
def tell_trained(tracker: Tracker, artifact: Artifact) -> None:
    """The best dev score and its step, whatever the run's own history holds of them, and the artifact.

    Args:
        tracker: its run is open.
        artifact: of the training.
    """
    result = artifact.manifest["result"]
    names = {"best_dev": "best/dev", "best_step": "best/step"}
    tracker.log({name: result[key] for key, name in names.items() if key in result})
    tracker.artifact(artifact.path, "made")


def generate_tracked(context: Context, plan: GenerationPlan, tracker: Tracker) -> Artifact:
    """Writes, or finds that it was done, in a run of its own, which is closed afterwards.

    Args:
        context: the job.
        plan: what to write.
        tracker: gets a run where there is something to write; none of its runs is open.

    Raises:
        WrankError: see `wrank.stage.generation.generate`.
    """
    begin = functools.partial(tracker.start, identity(context, plan.stage, "generate"))
    with closing(tracker):
        artifact = generate(context, plan, begin)
        tell_generation(tracker, artifact)
    return artifact


@_harmless
def tell_generation(tracker: Tracker, artifact: Artifact) -> None:
    """Figures, a few dozen passages by level, the audit's page, and the artifact.

    Args:
        tracker: its run is open where something was written.
        artifact: of the generation.
    """
    counts = artifact.manifest["result"]["collection"]
    tracker.log({f"generate/{word}": value for word, value in counts.items() if isinstance(value, int | float)})
    if not tracker.wants_artifacts:
        return
    columns = ("level", "query", "passage")
    tracker.table("generation/samples", columns, samples(artifact.path), texts=("query", "passage"))
    if (page := artifact.path / "audit.html").is_file():
        tracker.page("generation/audit", page)
    tracker.artifact(artifact.path, "made")


def samples(folder: Path) -> list[tuple[float, str, str]]:
    """(Level, query, passage) of the first few judgements of each level, the highest level first.

    Args:
        folder: of a generation: a BEIR folder.
    """
    chosen: dict[float, list[tuple[str, str]]] = defaultdict(list)
    for _, one in read_judgements(folder / "qrels" / "train.tsv"):
        if len(chosen[one.grade]) < SAMPLES:
            chosen[one.grade].append((one.query_id, one.passage_id))
    pairs = list(itertools.chain.from_iterable(chosen.values()))
    queries = _texts(folder / "queries.jsonl", {query for query, _ in pairs})
    passages = _texts(folder / "corpus.jsonl", {passage for _, passage in pairs})
    return [
        (float(grade), queries.get(query_id, query_id), passages.get(passage_id, passage_id))
        for grade in sorted(chosen, reverse=True)
        for query_id, passage_id in chosen[grade]
    ]


def _texts(path: Path, wanted: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, row in read_jsonl(path):
        if (name := str(row["_id"])) in wanted:
            found[name] = "\n".join(part for part in (str(row.get("title") or ""), str(row["text"])) if part)
            if len(found) == len(wanted):
                break
    return found


@_harmless
def tell_scores(
    tracker: Tracker, scored: Mapping[str, Mapping[str, Scored]], tests: Sequence[TestSet], own: str, base: str
) -> None:
    """Measures, a row a query with the difference to another system, and the artifacts.

    Args:
        tracker: its run is open where something was scored.
        scored: system -> set -> what was scored.
        tests: the sets.
        own: the system that the run is about: its figures are ``test/<set>/<measure>``.
        base: the system it is compared with; its own name: with none.
    """
    for test in tests:
        one = scored[own][test.name]
        tracker.log({f"test/{test.label}/{measure}": value for measure, value in one.measures.items()})
        if tracker.wants_artifacts:
            other = scored[base][test.name] if base != own else None
            columns, rows = query_rows(test, one, other)
            tracker.table(f"per_query/{test.label}", columns, rows, texts=("query",))
            tracker.artifact(one.path, "made")


@_harmless
def tell_baselines(
    tracker: Tracker, scored: Mapping[str, Mapping[str, Scored]], tests: Sequence[TestSet], names: Sequence[str]
) -> None:
    """Measures of what stands beside the run's own system: ``baseline/<system>/<set>/<measure>``.

    Args:
        tracker: its run is open where something was scored.
        scored: system -> set -> what was scored.
        tests: the sets.
        names: the systems.
    """
    for name in names:
        for test in tests:
            measures = scored[name][test.name].measures
            tracker.log({f"baseline/{name}/{test.label}/{measure}": value for measure, value in measures.items()})


def query_rows(test: TestSet, own: Scored, base: Scored | None) -> tuple[list[str], Iterator[list[Any]]]:
    """Columns and rows of a table with a row a judged query: id, words, measures, difference to another system.

    Args:
        test: the set.
        own: what was scored.
        base: the other system on the same set; None: no differences.
    """
    measures = list(own.measures)
    columns = ["query_id", "query", *measures]
    main = test.rule.main if test.rule.main in measures else measures[0]
    if base is not None:
        columns += [f"{main} - {base.name}"]
    queries = test.collection.queries

    def rows() -> Iterator[list[Any]]:
        for query_id, values in own.per_query.items():
            row: list[Any] = [query_id, queries.text(queries.row(query_id)), *(values.get(name) for name in measures)]
            if base is not None:
                there = base.per_query.get(query_id, {}).get(main)
                row.append(None if there is None or values.get(main) is None else values[main] - there)
            yield row

    return columns, rows()
