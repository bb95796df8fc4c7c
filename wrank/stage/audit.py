"""Stage ``audit``: is this graded data any good? Also run at the end of every generation."""

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wrank.audit.data import AuditInput, Row
from wrank.audit.report import Report, audit, write_audit
from wrank.audit.settings import AuditSettings
from wrank.audit.threshold import failures as crossed
from wrank.config import build, plain
from wrank.data.collection import Collection
from wrank.data.source.beir import BeirSource
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.generator.provenance import PROVENANCE, read_attributes
from wrank.judge.base import Judge
from wrank.judge.encoder import Encoder
from wrank.manifest import MANIFEST, read_manifest
from wrank.model.size import model_size
from wrank.stage.context import Context
from wrank.stage.kind import trains_reranker
from wrank.store import Artifact, Stage
from wrank.tracking.progress import note

LIMITS = {field.name for field in dataclasses.fields(AuditSettings) if field.name.startswith(("max_", "min_"))}
AUDIT, OUTCOME = "audit.json", "outcome.json"


def audit_generation(context: Context, folder: Path, name: str) -> Report:
    """Audits what was just written, into its folder, under the generation's name."""
    judge = make_judge(context)
    collection = BeirSource(str(folder), name=name).load("train", _tables(context))
    report = audit(_input(context, collection, judge, folder), audit_settings(context), note)
    write_audit(folder, report)
    return report


def audit_facts(context: Context) -> dict[str, Any]:
    """What an audit's figures depend on beside the data: settings and judge."""
    return {"settings": dataclasses.asdict(audit_settings(context)), "judge": make_judge(context).identity()}


def audit_artifact(context: Context, folder: Path | None) -> Artifact:
    """Audits a generation or the training split, or finds that it was done.

    Args:
        context: the job.
        folder: the generation's; None: the collection's training split.

    Raises:
        WrankError: no graded data.
    """
    if folder is None:
        collection = context.collection(context.train_split)
    else:
        collection = BeirSource(str(folder), name=_name_of(folder)).load("train", _tables(context))
    judge, settings = make_judge(context), audit_settings(context)
    inputs = {"collection": collection.fingerprint}
    if _is_evaluated(context, folder):
        inputs["evaluated"] = context.collection(context.test_split).fingerprint
    stage = Stage(
        kind="audit",
        name=str(context.cfg.name or f"{collection.name}-{collection.split}"),
        config=audit_facts(context),
        inputs=inputs,
        seeds={"seed": settings.seed},
        details={"collection": collection.name, "split": collection.split, "evaluated": context.source.name},
    )

    def work(target: Path) -> dict[str, Any]:
        report = audit(_input(context, collection, judge, folder), settings, note)
        write_audit(target, report)
        return {"failures": list(report.failures())}

    return context.do(stage, work)


def refuse_failures(context: Context, artifact: Artifact) -> None:
    """Ends the command when an audit crossed a threshold of the settings now in force; the data is kept.

    Raises:
        WrankError: thresholds that are crossed.
    """
    facts = audit_facts(context)
    made = artifact.manifest["result"].get("audit", facts)
    if artifact.manifest["kind"] == "generation" and any(made[word] != facts[word] for word in facts):
        artifact = audit_artifact(context, artifact.path)  # it was written under other settings, or another judge
    audited = json.loads((artifact.path / AUDIT).read_text(encoding="utf-8"))
    settings = audit_settings(context)
    if failures := crossed(audited, settings):
        listed = "\n  ".join(failures)
        raise WrankError(
            f"audit thresholds that are not met: {len(failures)}\n  {listed}\nThe data is kept; look at "
            f"{artifact.path / 'audit.html'}, mend the recipe, or change audit.*"
        )
    if limits := [
        name for name in dataclasses.asdict(settings) if name in LIMITS and getattr(settings, name) is not None
    ]:
        note(f"audit: {len(limits)} thresholds are set, and met (one with an interval fails when all of it is beyond)")


def find_generation(context: Context, wanted: str) -> Path:
    """The folder of a generation: a path, or the name or the first digits of the key of one in the store.

    Raises:
        WrankError: none, or several.
    """
    if not wanted.strip():
        raise WrankError("generation= is empty; wanted a generation's key, name or folder")
    path = Path(wanted).expanduser()
    if (path / "corpus.jsonl").is_file():
        return path
    if path.is_dir():
        raise WrankError(f"generation={wanted}: no corpus.jsonl in that folder, so it is no generation")
    there = [one for one in (context.store.root / "generation").glob("[!.]*") if (one / MANIFEST).is_file()]
    exact = [one for one in there if one.name == wanted]
    found = exact or [
        one for one in there if one.name.rpartition("-")[2].startswith(wanted) or one.name.startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.name for one in (found or there))) or "none; `wrank generate` makes one"
    fit = f"{len(found)} generations fit" if found else "no generation fits"
    raise WrankError(f"generation={wanted}: {fit} in {context.store.root}; there are: {names}")


def audit_settings(context: Context) -> AuditSettings:
    """What is looked at, and what fails."""
    settings: AuditSettings = build(context.cfg, "audit")
    return settings


def check_judge(context: Context) -> None:
    """Refuses a judge that cannot be made, without loading its encoder.

    Raises:
        WrankError: a key out of range, a model that makes no vectors, or one that cannot be had.
    """
    if not isinstance(build(context.cfg, "judge"), Encoder):
        return
    if trains_reranker(context):
        assert context.encoder  # which says what to choose instead
    model = plain(context.cfg, "model")
    path = model.get("path")
    source, models = None if path is not None else model.get("source"), plain(context.cfg, "paths.models")
    model_size(source, path, revision=model.get("revision"), models=models)


def make_judge(context: Context) -> Judge:
    """The judge that was chosen, with its encoder where it needs one."""
    judge: Judge = build(context.cfg, "judge")
    if isinstance(judge, Encoder):
        judge.use(context.encoder, context.model_name, context.encoder.fingerprint(), context.device)
    return judge


def _input(context: Context, collection: Collection, judge: Judge, folder: Path | None) -> AuditInput:
    outcome = _outcome(folder)
    attributes = read_attributes(folder / PROVENANCE) if folder and (folder / PROVENANCE).is_file() else {}
    return AuditInput(
        name=f"{collection.name}/{collection.split}",
        queries={id: collection.query_text(id) for id in collection.qrels},
        rows=list(_rows(collection, attributes)),
        evaluation=_evaluated(context, folder),
        similarity=judge.similarity(),
        grader=judge.grader(),
        **({"similarity_name": judge.title()} if judge.name == "encoder" else {"grader_name": judge.title()}),
        rejects=outcome.get("rejected", {}),
        counts={word: outcome[word] for word in ("items", "items_complete", "replies") if word in outcome},
    )


def _rows(collection: Collection, attributes: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for query_id, grades in collection.qrels.items():
        for passage_id, grade in grades.items():
            text = collection.passages.text(collection.passages.row(passage_id))
            yield Row(query_id, passage_id, text, grade, attributes.get(passage_id))


@functools.cache
def _is_evaluated(context: Context, folder: Path | None) -> bool:
    """Whether the chosen collection is the one the data was made for, and has a split that is evaluated."""
    if folder is not None and (folder / MANIFEST).is_file():
        written_for = read_manifest(folder)["details"].get("collection", context.source.name)
        if written_for != context.source.name:
            note(
                f"audit: written for the collection {written_for}, so contamination is not looked for: choose it with "
                "data=... (and data.name)"
            )
            return False
    return bool(context.source.has_split(context.test_split))


def _evaluated(
    context: Context, folder: Path | None
) -> dict[str, tuple[Iterable[tuple[str, str]], Iterable[tuple[str, str]]]]:
    """The evaluated split's judged queries, and the relevant passages of these: what training data must not hold."""
    if not _is_evaluated(context, folder):
        return {}
    test = context.collection(context.test_split)
    passages = dict.fromkeys(id for grades in test.qrels.values() for id, grade in grades.items() if grade > 0)
    return {f"{test.name}/{test.split}": (_pairs(test.queries, test.qrels), _pairs(test.passages, passages))}


def _pairs(table: Table, ids: Iterable[str]) -> list[tuple[str, str]]:
    return [(id, table.text(table.row(id))) for id in ids]


def _outcome(folder: Path | None) -> dict[str, Any]:
    if folder is None or not (folder / OUTCOME).is_file():
        return {}
    return dict(json.loads((folder / OUTCOME).read_text(encoding="utf-8"))["outcome"])


def _name_of(folder: Path) -> str:
    return folder.name.rpartition("-")[0] or folder.name


def _tables(context: Context) -> Path:
    return Path(plain(context.cfg, "paths.tables"))
