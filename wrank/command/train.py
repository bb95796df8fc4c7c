"""Trains a bi-encoder list-wise on graded lists.

Reads and checks the collection, finds hard negatives when ``data.lists.negatives=dense``, has a teacher score the lists
where the loss needs it (``teacher=...``), trains, and keeps the last weights and those that score best on held-out
training queries. The artifact's folder holds ``last/`` and ``best/`` (sentence-transformers folders), ``metrics.csv``,
``dev.json`` and the manifest.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.stage.audit import refuse_failures
from wrank.stage.context import Context
from wrank.stage.generation import plan_generation
from wrank.stage.model import checked_settings, plan_training
from wrank.stage.rounds import checked_rounds
from wrank.stage.tracked import generate_tracked
from wrank.stage.trial import tunable
from wrank.tracking.base import Tracker, closing
from wrank.tracking.table import print_training
from wrank.training.launch import is_first


@job
@tunable
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank train``."""
    tracker: Tracker = build(context.cfg, "logger")
    rounds = checked_rounds(context)
    checked_settings(rounds.first(context))
    generated = None if context.generates is None else generate_tracked(context, plan_generation(context), tracker)
    if generated is not None:
        refuse_failures(context, generated)
    plan = plan_training(rounds.first(context), generated)
    with closing(tracker):
        artifact = rounds.train(context, plan, tracker, generated).artifact
    if is_first(plan.settings):  # of a launcher's ranks one tells
        print_training(artifact)
    return {"model": str(artifact.path)}
