"""The dev queries of a reranker's training: candidates of a first stage and judged passages, put in order anew."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.evaluator import Judged
from wrank.evaluation.measure import score_run
from wrank.evaluation.ranking import rankings_of
from wrank.evaluation.settings import EvaluationSettings


class PairScorer(Protocol):
    """What the dev queries need of a model; `wrank.model.cross_encoder.CrossEncoder` has it."""

    def score_pairs(
        self, pairs: Iterable[tuple[str, str]], batch_tokens: int = ..., precision: str = ...
    ) -> Iterator[float]:
        """One score a (query, passage), in the order given."""


@dataclass(frozen=True)
class RerankDevSet:
    """Dev queries, each with the passages it is ranked over; called with a model it returns measure -> value.

    The figures steer a training; compare them only with one another.

    Attributes:
        query_ids: Q ids.
        queries: Q texts.
        passage_ids: ids of the passages of all queries.
        passages: their texts.
        rows: Q lists of rows of `passages`.
        qrels: query id -> passage id -> grade.
        settings: how to score.
    """

    query_ids: Sequence[str]
    queries: Sequence[str]
    passage_ids: Sequence[str]
    passages: Sequence[str]
    rows: Sequence[Sequence[int]]
    qrels: Mapping[str, Mapping[str, float]]
    settings: EvaluationSettings

    def __call__(self, model: PairScorer) -> dict[str, float]:
        """Scores the model, on the device its weights are on; the first measure is nDCG@10."""
        pairs = (
            (query, self.passages[row]) for query, rows in zip(self.queries, self.rows, strict=True) for row in rows
        )
        stream = model.score_pairs(pairs, self.settings.batch_tokens, self.settings.precision)
        scores = [np.array([next(stream) for _ in rows], dtype=np.float32) for rows in self.rows]
        rows = [np.array(rows, dtype=np.int64) for rows in self.rows]
        rankings = rankings_of(self.query_ids, self.passage_ids, rows, scores, depth=100)
        return score_run(rankings, self.qrels, ["nDCG@10", "RR@10"]).measures


def make_rerank_dev_set(
    collection: Judged,
    query_ids: Sequence[str],
    settings: EvaluationSettings,
    candidates: Mapping[str, Sequence[str]],
    depth: int,
) -> RerankDevSet:
    """Chooses each query's passages: its judged ones, and the first stage's best.

    Args:
        collection: where the dev queries' judgements are.
        query_ids: dev queries.
        settings: how to score.
        candidates: query id -> passage ids of the collection, best first.
        depth: candidates a query.

    Raises:
        WrankError: no dev query has a passage with a grade above 0.
    """
    judged = {query_id: collection.qrels[query_id] for query_id in sorted(query_ids) if query_id in collection.qrels}
    if not any(grade > 0 for grades in judged.values() for grade in grades.values()):
        raise WrankError("no dev query has a passage with a grade above 0: raise data.dev_share, or set data.dev_split")
    chosen: list[list[str]] = []
    for query_id, grades in judged.items():
        gone = {*collection.excluded.get(query_id, ()), *([query_id] if settings.drop_self else [])}
        found = dict.fromkeys([*sorted(grades), *candidates.get(query_id, [])[:depth]])
        chosen.append([one for one in found if one not in gone])
    passage_ids = sorted({one for ids in chosen for one in ids})
    places = {one: place for place, one in enumerate(passage_ids)}
    return RerankDevSet(
        query_ids=list(judged),
        queries=collection.queries.texts([collection.queries.row(query_id) for query_id in judged]),
        passage_ids=passage_ids,
        passages=collection.passages.texts([collection.passages.row(one) for one in passage_ids]),
        rows=[[places[one] for one in ids] for ids in chosen],
        qrels=judged,
        settings=settings,
    )
