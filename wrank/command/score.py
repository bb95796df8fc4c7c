"""Scores the lists of a training split with a teacher: a bi-encoder, a cross-encoder or a language model.

Scored are the judged pairs of ``split`` and, with ``pairs=FOLDER``, further ones, such as those of ``wrank mine``. A
killed command goes on with the next chunk of pairs. The artifact's folder holds ``pairs.parquet`` (query_id,
passage_id, score), ``preferences.parquet`` (query_id, first_id, second_id, p; with ``preferences.pairs=all``, adjacent
or a number) and the manifest, which says how the scores lie by grade and how often they order a list as the grades do.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.stage.context import Context
from wrank.stage.identity import identity
from wrank.stage.scoring import plan_scoring, score
from wrank.stage.tracked import tell_used
from wrank.tracking.base import Tracker, closing
from wrank.tracking.scoring import print_scores


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank score``."""
    tracker: Tracker = build(context.cfg, "logger")
    plan = plan_scoring(context)

    def begin() -> None:
        tracker.start(identity(context, plan.stage, "score"))
        tell_used(tracker, context, plan.stage, plan.pairs.collection)

    with closing(tracker):
        artifact = score(context, plan, begin)
        result = artifact.manifest["result"]
        figures = result["counts"] | {"agreement": result["agreement"]["share"]}
        tracker.log({f"score/{word}": value for word, value in figures.items() if value is not None})
        tracker.artifact(artifact.path, "made")
    print_scores(artifact)
    return {"scores": str(artifact.path)}
