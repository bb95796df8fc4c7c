"""Whose candidates a cross-encoder scores: in training, while it is trained, and in the table."""

from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.evaluator import left_out_pairs
from wrank.evaluation.ranking import rankings_of
from wrank.mining.bm25 import Bm25Miner
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.candidates import find_candidates
from wrank.stage.context import Context
from wrank.stage.system.base import System
from wrank.stage.system.bm25 import Bm25System, no_encoder
from wrank.stage.system.dense import DenseSystem
from wrank.store import Artifact, Stage
from wrank.tracking.progress import progress_bar
from wrank.trec import read_run, write_run

Found = tuple[Artifact, dict[str, list[str]]]
"""The artifact, and query id -> passage ids, best first."""


def candidates_of(context: Context, collection: Collection, depth: int) -> Found:
    """The ranking that a training list's negatives are drawn from: the base's own, or its first stage's.

    Args:
        context: the job.
        collection: the training split, or the dev queries' collection.
        depth: ranks wanted after judged and excluded passages are left out.

    Raises:
        WrankError: a first stage that ranks no training queries.
    """
    model = context.base
    if not isinstance(model, CrossEncoder):
        return find_candidates(context, collection, model, depth)
    first = first_stage(context, 1)
    if isinstance(first, DenseSystem):
        first.model.to(context.device)
        return find_candidates(context, collection, first.model, depth, first.name)
    if isinstance(first, Bm25System):
        return _by_bm25(context, collection, first.miner, depth)
    raise WrankError(
        f"model.first_stage={model.first_stage}: a run file ranks no training queries; wanted bm25, an option of "
        "model, or a folder with a bi-encoder"
    )


def first_stage(context: Context, tests: int) -> System:
    """The system that ``model.first_stage`` names.

    Args:
        context: the job.
        tests: how many test sets there are; a run file is of one.

    Raises:
        WrankError: no such system, or another cross-encoder.
    """
    from wrank.stage.system.choose import named_system
    from wrank.stage.system.reranked import RerankedSystem

    model = context.base
    assert isinstance(model, CrossEncoder)
    system = named_system(context, model.first_stage, tests, "model.first_stage")
    if isinstance(system, RerankedSystem):
        raise WrankError(f"model.first_stage={model.first_stage} is a cross-encoder itself; it ranks no corpus")
    return system


def _by_bm25(context: Context, collection: Collection, miner: Bm25Miner, depth: int) -> Found:
    longest = int(np.diff(collection.judgements.offsets).max(initial=0))
    if collection.mixed is not None:  # what the steps left out is no negative either
        longest += int(np.diff(collection.mixed.seen.offsets).max(initial=0))
    ranks = depth + longest
    stage = Stage(
        kind="candidates",
        name=f"{collection.name}-{collection.split}-bm25",
        config={"miner": miner.identity(), "depth": ranks, "drop_self": context.settings.drop_self},
        inputs={"collection": collection.fingerprint},
        details={"collection": collection.name, "split": collection.split, "model": "bm25"},
    )

    def work(folder: Path) -> dict[str, Any]:
        query_ids = sorted(collection.qrels)
        left_out = left_out_pairs(collection, query_ids, context.settings.drop_self)
        most = int(np.bincount(left_out.pairs_P2[:, 0]).max(initial=0)) if len(left_out.pairs_P2) else 0
        miner.open(collection, no_encoder(context, context.settings))
        query_rows = np.array([collection.queries.row(query_id) for query_id in query_ids], dtype=np.int64)
        with progress_bar("bm25", len(query_ids), "queries") as advance:
            rows, scores = [], []
            for ranking in miner.rank(collection, query_rows, ranks + most):
                filled, marks = _filled(ranking.rows, ranking.scores, len(collection.passages), ranks + most)
                rows.append(filled)
                scores.append(marks)
                advance(1)
        ids = collection.passages.ids
        rankings = rankings_of(query_ids, ids, rows, scores, depth=ranks, left_out_P2=left_out.pairs_P2)
        write_run(folder / "run.trec", rankings.with_distinct_scores(), "wrank")
        return {"queries": len(query_ids), "depth": ranks}

    artifact = context.do(stage, work)
    ranked = read_run(artifact.path / "run.trec")
    return artifact, {query_id: [passage_id for passage_id, _ in rows] for query_id, rows in ranked.items()}


def _filled(rows: np.ndarray, scores: np.ndarray, passages: int, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """A ranking up to a depth: after those that share a word with the query come others, at random but always the same.

    Of a short query BM25 finds too few to draw negatives from.
    """
    room = min(depth, passages) - len(rows)
    if room <= 0:
        return rows, scores
    drawn = np.random.default_rng(0).permutation(passages)[: depth + len(rows)]
    others = drawn[~np.isin(drawn, rows)][:room]
    return np.concatenate([rows, others]), np.concatenate([scores, -1 - np.arange(len(others), dtype=np.float32)])
