"""Scores a model, and baselines beside it, on one collection or on a suite of test sets.

Encodes the passages (once for each model), ranks them exactly for every judged query, measures the rankings, and
prints a table with intervals and, when there are several systems, tests of significance. An evaluation's folder holds
``measures.json``, ``per_query.jsonl``, ``queries.jsonl``, ``diagnosis.json``, ``run.trec`` and the manifest; the
comparison's ``comparison.html``, ``comparison.json`` and ``table.csv``. Started on several ranks (``torchrun``,
``srun``), or with ``evaluation.processes``, all of them encode and search.
"""

import functools
from typing import Any

from wrank.command.job import job
from wrank.command.sweep import in_sweep
from wrank.config import build
from wrank.evaluation.processes import launched
from wrank.stage.comparison import PAGE, compare, outcome, reference_of
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_all, evaluation_stage
from wrank.stage.feedback import check_feedback_all, feedback_all
from wrank.stage.identity import identity
from wrank.stage.system.choose import chosen_systems
from wrank.stage.test_set import test_sets
from wrank.stage.tracked import tell_baselines, tell_scores, tell_used
from wrank.tracking.base import Tracker, closing
from wrank.tracking.comparison import print_comparison_line, print_comparison_table
from wrank.tracking.feedback import print_feedback
from wrank.tracking.table import print_counts


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank evaluate``."""
    tracker: Tracker = build(context.cfg, "logger")
    tests = test_sets(context)
    systems = chosen_systems(context, len(tests))
    if launched()[0] > 0:  # takes a part of the encoding and searching; the first rank tells and tracks
        evaluate_all(context, systems, tests)
        return {}
    check_feedback_all(context, systems[0], tests)
    names = [system.name for system in systems]
    default = names[-len(context.cfg.baselines)] if context.cfg.baselines else names[0]
    reference = reference_of(context, names, default, several=in_sweep())
    stage = evaluation_stage(context, systems[0], tests[0])

    @functools.cache
    def begin() -> None:
        tracker.start(identity(context, stage, "evaluate"))
        tell_used(tracker, context, stage)

    with closing(tracker):
        scored = evaluate_all(context, systems, tests, begin)
        tell_baselines(tracker, scored, tests, names[1:])
        tell_scores(tracker, scored, tests, names[0], reference)
        seeds = {name: {where: [one] for where, one in row.items()} for name, row in scored.items()}
        artifact, comparison = compare(context, seeds, [test.rule for test in tests], reference)
        tracker.page("comparison", artifact.path / PAGE)
    found: dict[str, Any] = {
        "evaluation": str(scored[names[0]][tests[0].name].path),
        "name": names[0],
        **outcome(scored, tests, reference, context.cfg.reference),
    }
    found["comparison"] = str(artifact.path)
    if in_sweep():  # the table comes once, over all jobs
        print_comparison_line(comparison, names[0])
    else:
        for row in scored.values():
            for where, one in row.items():
                print_counts(one, where)
        print_comparison_table(comparison)
        print(artifact.path)
    for where, result in feedback_all(context, systems[0], tests).items():
        print_feedback(result, where)
    return found
