"""Does all stages: evaluate the base, write passages (``generator=...``), find negatives, train, evaluate, compare.

With ``teacher=...`` a teacher scores the training lists before the training, for the losses that need its scores or
preferences. Every finished stage is found and not done again, so the same command returns at once, and after a kill it
goes on. ``wrank run -m`` runs one job for each combination of values, tells one line of each, and ends with one table
over all of them, kept as ``comparison.html``, ``comparison.json`` and ``table.csv`` in the sweep's folder.
"""

from collections.abc import Sequence
from typing import Any

from wrank.command.job import job
from wrank.command.sweep import in_sweep
from wrank.config import build
from wrank.data.collection import Collection, check_disjoint
from wrank.evaluation.scored import Scored
from wrank.stage.audit import refuse_failures
from wrank.stage.comparison import PAGE, compare, outcome, reference_of
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_all, evaluation_stage
from wrank.stage.generation import GenerationPlan, plan_generation
from wrank.stage.identity import identity, run_name
from wrank.stage.kind import base_system, trained_system
from wrank.stage.model import Plan, checked_settings, plan_training
from wrank.stage.rounds import checked_rounds
from wrank.stage.system.choose import baselines, check_names
from wrank.stage.test_set import TestSet, test_sets
from wrank.stage.tracked import generate_tracked, tell_scores
from wrank.stage.trial import tunable
from wrank.store import Artifact
from wrank.tracking.base import Tracker, closing
from wrank.tracking.comparison import print_comparison_line, print_comparison_table
from wrank.tracking.generation import print_generation
from wrank.tracking.progress import note
from wrank.training.launch import is_first


@job
@tunable
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank run``."""
    tracker: Tracker = build(context.cfg, "logger")
    rounds = checked_rounds(context)  # before anything is encoded
    checked_settings(rounds.first(context))
    tests = test_sets(context)
    context.evaluated = [test.collection for test in tests]
    if context.generates is None or context.source.has_split(context.train_split):
        _refuse_overlap(context.collection(context.train_split), tests)
    others = baselines(context, len(tests))
    base = base_system(context, len(tests))
    names = [base.name, run_name(context), *(system.name for system in others)]
    check_names(names)
    reference = reference_of(context, names, names[0], several=in_sweep())
    writing = None if context.generates is None else plan_generation(context)  # checked before anything is encoded
    scored = evaluate_all(context, [base, *others], tests)
    written = None if writing is None else _written(context, writing, tracker)
    plan = plan_training(rounds.first(context), written)
    _refuse_overlap(plan.data.collection.restricted_to(plan.data.train_ids, "train"), tests)
    _refuse_overlap(plan.data.dev.restricted_to(plan.data.dev_ids, "dev"), tests)
    with closing(tracker):
        model_artifact, plan = rounds.train(context, plan, tracker, written)
        own, is_new = _evaluate_trained(context, plan, model_artifact, tests, tracker)
        scored |= own
        seeds = {name: {where: [one] for where, one in row.items()} for name, row in scored.items()}
        comparison_artifact, comparison = compare(context, seeds, [test.rule for test in tests], reference)
        if is_new:
            tell_scores(tracker, scored, tests, names[1], names[0])
            tracker.page("comparison", comparison_artifact.path / PAGE)
    if context.cfg.checkpoint == "best" and model_artifact.manifest["result"].get("best_step") == 0:
        note("the best weights by the dev queries are those before training (step 0): this is the base itself")
    if in_sweep():  # the table comes once, over all jobs
        print_comparison_line(comparison, names[1])
    else:
        print_comparison_table(comparison)
    print(comparison_artifact.path)
    return {
        "name": names[1],
        "base_name": names[0],
        "base": str(scored[names[0]][tests[0].name].path),
        "model": str(model_artifact.path),
        "evaluation": str(scored[names[1]][tests[0].name].path),
        "comparison": str(comparison_artifact.path),
        **outcome(scored, tests, reference, context.cfg.reference),
        "seed": int(context.cfg.seed),
    }


def _refuse_overlap(collection: Collection, tests: Sequence[TestSet]) -> None:
    for test in tests:
        check_disjoint(collection, test.collection)


def _written(context: Context, writing: GenerationPlan, tracker: Tracker) -> Artifact:
    """What the generator wrote, unless the audit refuses it."""
    generated = generate_tracked(context, writing, tracker)
    if not generated.was_finished:
        print_generation(generated)
    refuse_failures(context, generated)
    return generated


def _evaluate_trained(
    context: Context, plan: Plan, model_artifact: Artifact, tests: Sequence[TestSet], tracker: Tracker
) -> tuple[dict[str, dict[str, Scored]], bool]:
    """Scores the trained model; also says whether that is news for the tracker, whose run is open then."""
    folder = model_artifact.path / str(context.cfg.checkpoint)
    system = trained_system(context, folder, run_name(context), len(tests))
    stages = [evaluation_stage(context, system, test) for test in tests]
    is_new = is_first(plan.settings) and any(context.store.find(stage) is None for stage in stages)
    scored = evaluate_all(context, [system], tests)
    if is_new and model_artifact.was_finished:  # the training's run was closed by an earlier, interrupted command
        tracker.start(identity(context, plan.stage, "train"))
    return scored, is_new
