"""Writes graded passages, or queries, with a language model, and audits them.

For each training query of the collection (or each passage, for ``generator=queries``) a language model is asked; its
replies are checked, and asked for anew when they cannot be used. ``--estimate`` says tokens, hours, memory and disk
from a small probe and stops. The artifact's folder is a BEIR folder (``corpus.jsonl``, ``queries.jsonl``,
``qrels/train.tsv``) with ``provenance.parquet``, ``rejects.jsonl``, ``audit.json``, ``audit.html`` and the manifest.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.stage.audit import refuse_failures
from wrank.stage.context import Context
from wrank.stage.generation import estimate_generation, plan_generation
from wrank.stage.tracked import generate_tracked
from wrank.tracking.base import Tracker
from wrank.tracking.generation import print_estimate, print_generation


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank generate``."""
    tracker: Tracker = build(context.cfg, "logger")
    plan = plan_generation(context)
    if context.cfg.estimate:
        print_estimate(estimate_generation(plan), plan.stage.name)
        return {"estimate": plan.stage.name}
    artifact = generate_tracked(context, plan, tracker)
    print_generation(artifact)
    refuse_failures(context, artifact)
    return {"generation": str(artifact.path)}
