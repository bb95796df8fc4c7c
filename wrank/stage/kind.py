"""What the stages do otherwise for a cross-encoder than for a bi-encoder: table rows, dev queries, folders."""

from collections.abc import Sequence
from pathlib import Path

from wrank.data.collection import Collection
from wrank.evaluation.dev_rerank import RerankDevSet, make_rerank_dev_set
from wrank.evaluation.rerank import Reranker
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.context import Context
from wrank.stage.first_stage import Found, candidates_of, first_stage
from wrank.stage.system.base import System
from wrank.stage.system.dense import DenseSystem
from wrank.stage.system.reranked import RerankedSystem
from wrank.teacher.model_scorer import ModelScorer


def trains_reranker(context: Context) -> bool:
    """Whether the chosen model is a cross-encoder; told from the configuration, before it is loaded."""
    return str(context.cfg.model.get("_target_", "")).endswith(".CrossEncoder")


def base_system(context: Context, tests: int) -> System:
    """The row that a training is compared with: the untrained bi-encoder, or a cross-encoder's first stage.

    Args:
        context: the job.
        tests: how many test sets there are.

    Raises:
        WrankError: a first stage that is none.
    """
    if trains_reranker(context):
        return first_stage(context, tests)
    return DenseSystem(context.encoder, context.model_name)


def trained_system(context: Context, folder: Path, name: str, tests: int) -> System:
    """The trained model's row.

    Args:
        context: the job.
        folder: ``best/`` or ``last/`` of the training.
        name: what it is called.
        tests: how many test sets there are.
    """
    code = bool(context.cfg.model.get("trust_remote_code", False))
    if not trains_reranker(context):
        trained = BiEncoder(path=str(folder), trust_remote_code=code)
        trained.to(context.device)
        return DenseSystem(trained, name)
    base = context.base
    assert isinstance(base, CrossEncoder)
    model = CrossEncoder(path=str(folder), first_stage=base.first_stage, depth=base.depth, trust_remote_code=code)
    return reranking_system(context, model, first_stage(context, tests), name)


def reranking_system(context: Context, model: CrossEncoder, first: System, name: str) -> RerankedSystem:
    """A cross-encoder over a first stage.

    Args:
        context: the job.
        model: what scores.
        first: whose candidates.
        name: what it is called.
    """
    settings = context.settings
    scorer = ModelScorer(
        model, name, batch_tokens=settings.batch_tokens, precision=settings.precision, device=context.device
    )
    return RerankedSystem(first, Reranker(scorer, depth=model.depth), name)


def dev_candidates(context: Context, collection: Collection) -> Found:
    """The first stage's ranking of the dev queries: its artifact, and query id -> passage ids.

    Args:
        context: the job.
        collection: where the dev queries' judgements are.
    """
    model = context.base
    assert isinstance(model, CrossEncoder)
    return candidates_of(context, collection, model.dev_depth)


def rerank_dev_set(context: Context, collection: Collection, query_ids: Sequence[str]) -> RerankDevSet:
    """The dev queries of a cross-encoder's training.

    Args:
        context: the job.
        collection: where the dev queries' judgements are.
        query_ids: dev queries.

    Raises:
        WrankError: no dev query has a passage with a grade above 0.
    """
    model = context.base
    assert isinstance(model, CrossEncoder)
    found = dev_candidates(context, collection)[1]
    return make_rerank_dev_set(collection, query_ids, context.settings, found, model.dev_depth)
