"""Does all stages: evaluate the base, write passages (``generator=...``), find negatives, train, evaluate, compare.

Every finished stage is found and not done again, so the same command returns at once, and after a kill it goes on.
``wrank run -m`` runs one job for each combination of values and ends with one table over all of them.
"""

from typing import Any

from wrank.command.job import job
from wrank.config import build
from wrank.data.collection import check_disjoint
from wrank.evaluation.scored import read_scored
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.audit import refuse_failures
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_model
from wrank.stage.generation import generate, plan_generation
from wrank.stage.identity import identity, run_name
from wrank.stage.model import checked_settings, plan_training, train
from wrank.tracking.base import Tracker
from wrank.tracking.generation import print_generation
from wrank.tracking.progress import note
from wrank.tracking.table import print_comparison


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank run``."""
    tracker: Tracker = build(context.cfg, "logger")
    checked_settings(context)  # before anything is encoded
    test = context.collection(context.test_split)
    if context.generates is None or context.source.has_split(context.train_split):
        check_disjoint(context.collection(context.train_split), test)
    writing = None if context.generates is None else plan_generation(context)  # checked before anything is encoded
    base_artifact = evaluate_model(context, context.base, context.model_name)
    generated = None
    if writing is not None:
        generated = generate(context, writing)
        if not generated.was_finished:
            print_generation(generated)
        refuse_failures(context, generated)
    plan = plan_training(context, generated)
    check_disjoint(plan.data.collection.restricted_to(plan.data.train_ids, "train"), test)
    check_disjoint(plan.data.dev.restricted_to(plan.data.dev_ids, "dev"), test)
    try:
        model_artifact = train(context, plan, tracker)
        trained = BiEncoder(
            path=str(model_artifact.path / str(context.cfg.checkpoint)),
            trust_remote_code=bool(context.cfg.model.get("trust_remote_code", False)),
        )
        trained.to(context.device)
        artifact = evaluate_model(context, trained, run_name(context))
        base = read_scored(base_artifact.path, context.model_name)
        scored = read_scored(artifact.path, run_name(context))
        if not artifact.was_finished:
            if model_artifact.was_finished:  # the training's run was closed by an earlier, interrupted command
                tracker.start(identity(context, plan.stage, "train"))
            tracker.log({f"test/{test.name}/{measure}": value for measure, value in scored.measures.items()})
    except BaseException:
        tracker.finish(1)
        raise
    tracker.finish(0)
    if context.cfg.checkpoint == "best" and model_artifact.manifest["result"].get("best_step") == 0:
        note("the best weights by the dev queries are those before training (step 0): this is the base itself")
    print_comparison(base, [scored], f"{test.name}/{test.split}")
    return {
        "collection": f"{test.name}/{test.split}",
        "name": run_name(context),
        "base_name": context.model_name,
        "base": str(base_artifact.path),
        "model": str(model_artifact.path),
        "evaluation": str(artifact.path),
        "seed": int(context.cfg.seed),
    }
