"""Another system's best candidates, scored anew by a cross-encoder or another teacher."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wrank.config import as_typed
from wrank.errors import WrankError
from wrank.evaluation.evaluator import query_texts, timed
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.rerank import Reranked, Reranker, rerank
from wrank.evaluation.search import NOTHING_LEFT_OUT
from wrank.stage.context import Context
from wrank.stage.system.base import Ranked, System
from wrank.stage.system.run_file import rankings_of_file
from wrank.stage.test_set import TestSet
from wrank.store import Stage
from wrank.tracking.progress import progress_bar


class RerankedSystem(System):
    """Ranks by scoring a first stage's candidates.

    Args:
        first: whose candidates.
        reranker: what scores them, and how many.
        name: what it is called; None: first stage+scorer.
    """

    def __init__(self, first: System, reranker: Reranker, name: str | None = None) -> None:
        self.first, self.reranker = first, reranker
        self.name = f"{first.name}+{reranker.scorer.title()}" if name is None else name

    def identity(self, context: Context, test: TestSet) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The first stage's, the scorer's, and how many candidates are scored."""
        config, inputs = self.first.identity(context, test)
        with _keys_as_typed():
            scorer = self.reranker.scorer.identity()
        return {"first": config, "scorer": scorer, "rerank_depth": self.reranker.depth}, inputs

    def rank(self, context: Context, test: TestSet, query_ids: Sequence[str], stage: Stage, folder: Path) -> Ranked:
        """Makes or finds the first stage's evaluation, and scores its run. See `System.rank`."""
        from wrank.stage.evaluation import evaluate_system

        timings: dict[str, float] = {}
        collection = test.collection
        artifact = evaluate_system(context, self.first, test)
        first = rankings_of_file(
            artifact.path / "run.trec", collection, query_ids, test.settings.depth, NOTHING_LEFT_OUT
        )
        texts = dict(zip(query_ids, query_texts(collection, query_ids), strict=True))
        pairs = int((first.rows_QK[:, : self.reranker.depth] >= 0).sum())
        scorer, depth = self.reranker.scorer, self.reranker.depth
        bar = progress_bar("reranking", pairs, "pairs")
        with _keys_as_typed(), scorer, timed(timings, "rerank"), bar as advance:
            found = rerank(first, scorer, texts, collection.passages.texts, depth, advance)
        counts = {key: artifact.manifest["result"]["counts"].get(key, 0) for key in ("excluded", "dropped_self")}
        facts = {"pairs": found.pairs, "unscored": found.unscored, "constant_queries": len(found.constant)}
        return Ranked(_without_credit(found), counts, timings, {"rerank": facts}, self.reranker.depth)


@contextmanager
def _keys_as_typed() -> Iterator[None]:
    """Errors of the scorer name its keys as they are in this configuration."""
    try:
        yield
    except WrankError as error:
        raise as_typed(error, "evaluation.reranker.scorer") from error


def _without_credit(found: Reranked) -> Rankings:
    """The rankings, in which a query whose new scores are all equal has one score throughout: it is scored 0."""
    places = [place for place, query_id in enumerate(found.rankings.query_ids) if query_id in set(found.constant)]
    scores_QK = found.rankings.scores_QK.copy()
    for place in places:
        scores_QK[place] = np.where(found.rankings.rows_QK[place] >= 0, scores_QK[place, 0], -np.inf)
    return replace(found.rankings, scores_QK=scores_QK)
