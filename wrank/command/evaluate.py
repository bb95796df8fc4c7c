"""Scores a model on one split of a collection.

Encodes the passages (once for each model), ranks them exactly for every judged query, measures the rankings, and
prints a table. The artifact's folder holds ``measures.json``, ``per_query.jsonl``, ``run.trec`` and the manifest.
"""

import functools
from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.evaluation.scored import read_scored
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_model, evaluation_stage
from wrank.stage.identity import identity
from wrank.tracking.base import Tracker
from wrank.tracking.table import print_evaluation


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank evaluate``."""
    tracker: Tracker = build(context.cfg, "logger")
    collection = context.collection(context.test_split)
    stage = evaluation_stage(context, context.base, context.model_name)
    try:
        begin = functools.partial(tracker.start, identity(context, stage, "evaluate"))
        artifact = evaluate_model(context, context.base, context.model_name, begin)
        scored = read_scored(artifact.path, context.model_name)
        tracker.log({f"test/{collection.name}/{measure}": value for measure, value in scored.measures.items()})
    except BaseException:
        tracker.finish(1)
        raise
    tracker.finish(0)
    print_evaluation(scored, f"{collection.name}/{collection.split}")
    return {"evaluation": str(artifact.path)}
