"""BM25 as a system of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wrank.evaluation.evaluator import left_out_pairs, timed
from wrank.evaluation.ranking import rankings_of
from wrank.evaluation.settings import EvaluationSettings
from wrank.mining.base import Tools
from wrank.mining.bm25 import Bm25Miner
from wrank.stage.context import Context
from wrank.stage.system.base import Ranked, System, whole
from wrank.stage.test_set import TestSet
from wrank.store import Stage
from wrank.tracking.progress import progress_bar


class Bm25System(System):
    """Ranks by BM25 (`wrank.mining.bm25`), from an index that is made once for a corpus and its settings.

    Args:
        miner: what ranks.
        name: what it is called.
    """

    def __init__(self, miner: Bm25Miner, name: str = "bm25") -> None:
        self.miner, self.name = miner, name

    def identity(self, context: Context, test: TestSet) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The settings of the formula and of the words."""
        return {"miner": self.miner.identity()}, {}

    def rank(self, context: Context, test: TestSet, query_ids: Sequence[str], stage: Stage, folder: Path) -> Ranked:
        """See `System.rank`. A passage that shares no word with the query is in no ranking."""
        timings: dict[str, float] = {}
        collection, settings = test.collection, test.settings
        left_out = left_out_pairs(collection, query_ids, settings.drop_self)
        most = int(np.bincount(left_out.pairs_P2[:, 0]).max(initial=0)) if len(left_out.pairs_P2) else 0
        with timed(timings, "index"):
            self.miner.open(collection, no_encoder(context, settings))
        query_rows = np.array([collection.queries.row(query_id) for query_id in query_ids], dtype=np.int64)
        with timed(timings, "search"), progress_bar("bm25", len(query_ids), "queries") as advance:
            rows, scores = [], []
            for ranking in self.miner.rank(collection, query_rows, settings.depth + most):
                rows.append(ranking.rows)
                scores.append(ranking.scores)
                advance(1)
            rankings = rankings_of(
                query_ids, collection.passages.ids, rows, scores, depth=settings.depth, left_out_P2=left_out.pairs_P2
            )
        rankings = replace(rankings, excluded=left_out.excluded, dropped_self=left_out.dropped_self)
        return Ranked(rankings, {}, timings, constant_from=whole(test))


def no_encoder(context: Context, settings: EvaluationSettings) -> Tools:
    """What BM25 may use: no model."""

    def none() -> Any:
        raise RuntimeError("BM25 asks for no model")

    return Tools(context.tables, none, none, settings, context.device, progress_bar)
