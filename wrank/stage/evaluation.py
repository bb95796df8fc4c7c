"""Stage ``evaluation``: one model's measures on one split of one collection."""

from pathlib import Path
from typing import Any

from wrank.evaluation.evaluator import evaluate, write_evaluation
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.vectors import passage_vectors
from wrank.store import Artifact, Stage


def evaluate_model(context: Context, model: BiEncoder, name: str) -> Artifact:
    """Evaluates a model on the context's test split, or finds that it was done."""
    collection = context.collection(context.test_split)
    settings = context.settings
    stage = Stage(
        kind="evaluation",
        name=f"{collection.name}-{collection.split}-{name}",
        config=context.search_identity | {"measures": list(settings.measures), "split": collection.split},
        inputs={"collection": collection.fingerprint, "model": model.fingerprint()},
        details={"collection": collection.name, "split": collection.split, "model": name},
    )

    def work(folder: Path) -> dict[str, Any]:
        _, vectors = passage_vectors(context, collection, model, name)
        evaluation = evaluate(model, collection, settings, device=context.device, passage_vectors=vectors)
        counts = write_evaluation(folder, evaluation, "wrank")
        return {"counts": counts, "timings": evaluation.timings, "measures": evaluation.scores.measures}

    return context.do(stage, work)
