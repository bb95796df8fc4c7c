"""Scores a model on one split of a collection.

Encodes the passages (once for each model), ranks them exactly for every judged query, measures the rankings, and
prints a table. The artifact's folder holds ``measures.json``, ``per_query.jsonl``, ``run.trec`` and the manifest.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.evaluation.scored import read_scored
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_model
from wrank.tracking.base import Tracker
from wrank.tracking.identity import RunIdentity
from wrank.tracking.table import print_evaluation


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank evaluate``."""
    tracker: Tracker = build(context.cfg, "logger")
    collection = context.collection(context.test_split)
    artifact = evaluate_model(context, context.base, context.model_name)
    scored = read_scored(artifact.path, context.model_name)
    if not artifact.was_finished:
        tracker.start(_identity(context, artifact.manifest))
        tracker.log({f"test/{collection.name}/{measure}": value for measure, value in scored.measures.items()})
        tracker.finish(0)
    print_evaluation(scored, f"{collection.name}/{collection.split}")
    return {"evaluation": str(artifact.path)}


def _identity(context: Context, manifest: dict[str, Any]) -> RunIdentity:
    return RunIdentity(
        id=f"evaluation-{manifest['key'][:16]}",
        name=str(context.cfg.name or manifest["name"]),
        group=str(context.cfg.study),
        job_type="evaluate",
        tags=tuple(map(str, context.cfg.tags)),
        choices=context.choices,
        config=manifest["config"],
    )
