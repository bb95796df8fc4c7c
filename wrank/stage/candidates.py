"""Stage ``candidates``: the base model's own ranking for each training query, from which hard negatives are drawn."""

from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.evaluation.encode import encode
from wrank.evaluation.evaluator import left_out_pairs
from wrank.evaluation.search import search
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.vectors import passage_vectors
from wrank.store import Artifact, Stage
from wrank.trec import read_run, write_run


def find_candidates(
    context: Context, collection: Collection, model: BiEncoder, depth: int, name: str | None = None
) -> tuple[Artifact, dict[str, list[str]]]:
    """Ranks the corpus for each judged query by the base model.

    Args:
        context: the job.
        collection: the training split.
        model: the base model, or what has become of it.
        depth: ranks wanted after judged and excluded passages are left out.
        name: what the model is called; None = as the base is.

    Returns:
        The artifact, and query id -> passage ids, best first.
    """
    longest = int(np.diff(collection.judgements.offsets).max(initial=0))
    if collection.mixed is not None:  # what the steps left out is no negative either
        longest += int(np.diff(collection.mixed.seen.offsets).max(initial=0))
    ranks = depth + longest
    name = context.model_name if name is None else name
    passages = passage_vectors(context, collection, model, name)
    stage = Stage(
        kind="candidates",
        name=f"{collection.name}-{collection.split}-{name}",
        config=context.search_identity | {"depth": ranks},
        inputs={
            "collection": collection.fingerprint,
            "model": model.fingerprint(),
            "vectors": passages.artifact.content_key,
        },
        details={"collection": collection.name, "split": collection.split, "model": name},
    )

    def work(folder: Path) -> dict[str, Any]:
        query_ids = sorted(collection.qrels)
        texts = collection.queries.texts([collection.queries.row(query_id) for query_id in query_ids])
        settings = context.settings
        queries = encode(
            model,
            texts,
            "query",
            batch_tokens=settings.batch_tokens,
            precision=settings.precision,
            device=context.device,
        )
        rankings = search(
            queries.vectors_ND,
            passages.vectors,
            query_ids,
            collection.passages.ids,
            k=ranks,
            ties=passages.ties,
            left_out=left_out_pairs(collection, query_ids, settings.drop_self),
            chunk=settings.chunk,
            device=context.device,
        )
        write_run(folder / "run.trec", rankings.with_distinct_scores(), "wrank")
        return {"queries": len(query_ids), "depth": ranks}

    artifact = context.do(stage, work)
    ranked = read_run(artifact.path / "run.trec")
    return artifact, {query_id: [passage_id for passage_id, _ in rows] for query_id, rows in ranked.items()}
