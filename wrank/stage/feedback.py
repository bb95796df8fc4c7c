"""Stage ``feedback``: a dense system's candidates re-ranked with the help of a few judged passages a query."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.evaluation.evaluator import query_texts
from wrank.evaluation.feedback.draw import check_feedback
from wrank.evaluation.feedback.residual import feedback_scores
from wrank.evaluation.feedback.result import FeedbackResult
from wrank.evaluation.feedback.settings import FeedbackSettings
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.search import NOTHING_LEFT_OUT
from wrank.files import write_atomic
from wrank.stage.context import Context
from wrank.stage.evaluation import evaluate_system
from wrank.stage.system.base import System
from wrank.stage.system.dense import DenseSystem
from wrank.stage.system.run_file import rankings_of_file
from wrank.stage.test_set import TestSet
from wrank.stage.vectors import passage_vectors
from wrank.store import Artifact, Stage
from wrank.tracking.progress import progress_bar

FIGURES = "feedback.json"


def check_feedback_all(context: Context, system: System, tests: Sequence[TestSet]) -> None:
    """Refuses feedback that cannot be, where it is asked for: to be called before anything is encoded.

    Args:
        context: the job.
        system: the first stage.
        tests: the test sets.

    Raises:
        WrankError: a system without vectors, a set no query of which has enough judgements.
    """
    settings = context.settings.feedback
    if settings is None:
        return
    _dense(system)
    for test in tests:
        try:
            check_feedback(settings.for_set(test.relevant), test.collection.qrels)
        except WrankError as error:
            more = "; or leave the set out by evaluation.suite.subset" if len(tests) > 1 else ""
            raise WrankError(f"{test.name}: {error}{more}") from None


def feedback_all(context: Context, system: System, tests: Sequence[TestSet]) -> dict[str, dict[str, Any]]:
    """Feedback re-ranking of a system on every set, where that is asked for.

    Args:
        context: the job.
        system: the first stage; a dense one, whose vectors are used.
        tests: the test sets.

    Returns:
        Set's name -> the content of ``feedback.json``; nothing where no feedback is asked for.

    Raises:
        WrankError: a system without vectors, no query with enough judgements.
    """
    settings = context.settings.feedback
    if settings is None:
        return {}
    found = {}
    for test in tests:
        artifact = _feedback(context, _dense(system), test, settings.for_set(test.relevant))
        found[test.name] = json.loads((artifact.path / FIGURES).read_text(encoding="utf-8"))
    return found


def _dense(system: System) -> DenseSystem:
    if not isinstance(system, DenseSystem):
        raise WrankError(
            f"evaluation/feedback works on vectors, which {system.name} has none of; leave out "
            "evaluation.reranker.candidates"
        )
    return system


def _feedback(context: Context, system: DenseSystem, test: TestSet, settings: FeedbackSettings) -> Artifact:
    first = evaluate_system(context, system, test)
    stage = Stage(
        kind="feedback",
        name=f"{test.name.replace('/', '-')}-{system.name}-{settings.method.name}",
        config={"feedback": settings.identity(), "measures": list(test.settings.measures)},
        inputs={"evaluation": first.content_key, "collection": test.collection.fingerprint},
        details={"collection": test.collection.name, "split": test.collection.split, "model": system.name},
    )

    def work(folder: Path) -> dict[str, Any]:
        result = _scores(context, system, test, settings, first)
        write_atomic(folder / FIGURES, json.dumps(result.to_json(), indent=1) + "\n")
        lines = (
            json.dumps(
                {"k": cell.k, "seed": cell.seed, "query_id": query_id, "feedback": cell.feedback[query_id]}
                | {"first_stage": cell.first_stage[query_id]}
            )
            for cell in result.cells
            for query_id in cell.feedback
        )
        write_atomic(folder / "per_query.jsonl", "".join(f"{line}\n" for line in lines))
        return {"counts": {str(k): dict(count) for k, count in result.counts.items()}}

    return context.do(stage, work)


def _scores(
    context: Context, system: DenseSystem, test: TestSet, settings: FeedbackSettings, first: Artifact
) -> FeedbackResult:
    collection, measures = test.collection, test.settings.measures
    query_ids = list(judged_grades(collection.qrels, measures))
    passages = passage_vectors(context, collection, system.prompted(test), system.name)
    rankings = rankings_of_file(first.path / "run.trec", collection, query_ids, test.settings.depth, NOTHING_LEFT_OUT)
    queries = system.encoded(context, test, query_texts(collection, query_ids))
    excluded = {query_id: set(collection.excluded.get(query_id, ())) for query_id in query_ids}
    if test.settings.drop_self:
        excluded = {query_id: gone | {query_id} for query_id, gone in excluded.items()}
    with progress_bar("feedback", len(query_ids), "queries") as advance:
        return feedback_scores(
            settings,
            rankings,
            queries.vectors_ND,
            passages.vectors,
            collection.qrels,
            measures,
            excluded=excluded,
            progress=advance,
        )
