"""Stage ``evaluation``: one system's measures on one test set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wrank.evaluation.coherence import coherence
from wrank.evaluation.evaluator import Evaluation, measure, write_evaluation
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.scored import Scored, read_scored
from wrank.stage.context import Context
from wrank.stage.system.base import System
from wrank.stage.test_set import TestSet
from wrank.store import Artifact, Stage

COHERENCE_DEPTH = 10
"""Ranks in which the answers to two wordings of a question are compared."""


def evaluation_stage(context: Context, system: System, test: TestSet) -> Stage:
    """The stage of a system on a test set, with its key.

    Raises:
        WrankError: a system that cannot rank this set.
    """
    config, inputs = system.identity(context, test)
    measures = {"measures": list(test.settings.measures), "split": test.collection.split}
    return Stage(
        kind="evaluation",
        name=f"{test.name.replace('/', '-')}-{system.name}",
        config=test.identity | config | measures | test.files_identity,
        inputs={"collection": test.collection.fingerprint, **inputs},
        details={"collection": test.collection.name, "split": test.collection.split, "model": system.name},
    )


def evaluate_system(
    context: Context, system: System, test: TestSet, begin: Callable[[], None] = lambda: None
) -> Artifact:
    """Evaluates a system on a test set, or finds that it was done.

    Args:
        context: the job.
        system: what is evaluated.
        test: the test set.
        begin: called when there is work to do, before it.

    Raises:
        WrankError: bad input, broken vectors, a full disk.
    """
    stage = evaluation_stage(context, system, test)

    def work(folder: Path) -> dict[str, Any]:
        begin()
        query_ids = list(judged_grades(test.collection.qrels, test.settings.measures))
        ranked = system.rank(context, test, query_ids, stage, folder)
        evaluation = measure(
            ranked.rankings,
            test.collection,
            test.settings.measures,
            ranked.counts,
            ranked.timings,
            frequencies=test.frequencies,
            relevant=test.relevant,
            scored=ranked.scored,
            constant_from=ranked.constant_from,
        )
        if test.paraphrases is not None:
            evaluation = _with_coherence(evaluation, test.paraphrases)
        meta = test.collection.passages.meta
        texts = {"passages_empty": meta["empty_texts"], "passages_duplicate": meta["duplicate_texts"]}
        counts = write_evaluation(folder, evaluation, "wrank") | texts
        found = {"counts": counts, "timings": evaluation.timings, "measures": evaluation.scores.measures}
        if "coherence" in evaluation.diagnosis:
            alike = evaluation.diagnosis["coherence"]
            found["coherence"] = {key: alike[key] for key in ("depth", "overlap", "rbo", "pairs")}
        return found | ranked.facts

    return context.do(stage, work, share=system.helper(context, test, stage))


def _with_coherence(evaluation: Evaluation, paraphrases: Mapping[str, Sequence[str]]) -> Evaluation:
    found = coherence(evaluation.rankings, paraphrases, COHERENCE_DEPTH)
    return replace(evaluation, diagnosis={**evaluation.diagnosis, "coherence": found})


def evaluate_all(
    context: Context, systems: Sequence[System], tests: Sequence[TestSet], begin: Callable[[], None] = lambda: None
) -> dict[str, dict[str, Scored]]:
    """Every system on every set, sets first, so that a set's corpus is at hand for all systems.

    Args:
        context: the job.
        systems: what is evaluated.
        tests: the test sets.
        begin: called when there is work to do, before it.

    Returns:
        System's name -> set's name -> what was scored.

    Raises:
        WrankError: two systems of one name; see `evaluate_system`.
    """
    for system in systems:
        for test in tests:
            system.identity(context, test)  # what cannot be is told before any work
    found: dict[str, dict[str, Scored]] = {system.name: {} for system in systems}
    for test in tests:
        for system in systems:
            artifact = evaluate_system(context, system, test, begin)
            found[system.name][test.name] = read_scored(artifact.path, system.name)
    return found
