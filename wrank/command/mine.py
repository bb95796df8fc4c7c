"""Finds hard negatives for the judged training queries, with BM25 or a dense model, and keeps them as scored pairs.

The corpus is ranked for each query (``miner=bm25``, or ``miner=dense model=...``); known positives, repeated texts and
what the filter leaves out (``filter=top_perc_pos``, or keys of ``filter``) leave the ranking, each counted. The
artifact's folder holds ``pairs.parquet`` (query_id, passage_id, score, rank), ``queries.txt`` (the queries kept, where
``filter.consistency`` is set) and the manifest. A killed ranking goes on with the next chunk of queries.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.stage.context import Context
from wrank.stage.identity import identity
from wrank.stage.mining import mine, plan_mining
from wrank.stage.tracked import tell_used
from wrank.tracking.base import Tracker, closing
from wrank.tracking.mining import print_mining


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank mine``."""
    tracker: Tracker = build(context.cfg, "logger")
    plan = plan_mining(context)

    def begin() -> None:
        tracker.start(identity(context, plan.stage, "mine"))
        tell_used(tracker, context, plan.stage, plan.collection)

    with closing(tracker):
        artifact = mine(context, plan, begin)
        result = artifact.manifest["result"]
        counts = {word: count for word, count in result.items() if isinstance(count, int)} | result["left_out"]
        tracker.log({f"mine/{word}": count for word, count in counts.items()})
        tracker.artifact(artifact.path, "made")
    print_mining(artifact, plan.collection)
    return {"mined": str(artifact.path)}
