"""Stage ``evaluation``: one model's measures on one split of one collection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.evaluator import evaluate, write_evaluation
from wrank.evaluation.measure import judged_grades
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.vectors import passage_vectors
from wrank.store import Artifact, Stage


def check_ids(collection: Collection) -> None:
    """Refuses ids that a TREC run cannot hold.

    Raises:
        WrankError: an id with white space in it.
    """
    for kind, ids in (("query", collection.qrels), ("passage", collection.passages.ids)):
        for one in ids:
            if len(one.split()) != 1:
                raise WrankError(
                    f"{collection.name}: {kind} id {one!r} has white space in it (or is empty), which a TREC run "
                    f"cannot hold: give it another id, also in the qrels"
                )


def evaluation_stage(context: Context, model: BiEncoder, name: str) -> Stage:
    """The stage of a model's evaluation, with its key."""
    collection = context.collection(context.test_split)
    settings = context.settings
    return Stage(
        kind="evaluation",
        name=f"{collection.name}-{collection.split}-{name}",
        config=context.search_identity | {"measures": list(settings.measures), "split": collection.split},
        inputs={"collection": collection.fingerprint, "model": model.fingerprint()},
        details={"collection": collection.name, "split": collection.split, "model": name},
    )


def evaluate_model(context: Context, model: BiEncoder, name: str, begin: Callable[[], None] = lambda: None) -> Artifact:
    """Evaluates a model on the context's test split, or finds that it was done.

    Args:
        context: the job.
        model: what is evaluated.
        name: what it is called.
        begin: called when there is work to do, before it.

    Raises:
        WrankError: bad input, before anything is encoded.
    """
    collection, settings = context.collection(context.test_split), context.settings

    def work(folder: Path) -> dict[str, Any]:
        begin()
        judged_grades(collection.qrels, settings.measures)  # both before any encoding
        check_ids(collection)
        made, vectors = passage_vectors(context, collection, model, name)
        evaluation = evaluate(model, collection, settings, device=context.device, passage_vectors=vectors)
        counts = write_evaluation(folder, evaluation, "wrank")
        counts["passages_truncated"] = made.manifest["result"]["truncated"]
        return {"counts": counts, "timings": evaluation.timings, "measures": evaluation.scores.measures}

    return context.do(evaluation_stage(context, model, name), work)
