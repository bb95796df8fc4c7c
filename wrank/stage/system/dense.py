"""A bi-encoder: the passages with the highest product of vectors, exactly or through an index.

Shapes: Q queries, N passages, D embedding size.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.encode import Encoded, encode
from wrank.evaluation.evaluator import MEASURES, left_out_pairs, query_texts, timed
from wrank.evaluation.index.base import Index, index_rankings, recall_against
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.parts import SearchJob, help_search, search_parts
from wrank.evaluation.processes import launched
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.search import LeftOut, search, to_rankings
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.system.base import Ranked, System
from wrank.stage.test_set import TestSet
from wrank.stage.vectors import PassageVectors, passage_vectors
from wrank.store import Artifact, Stage
from wrank.tracking.progress import progress_bar

RECALL_QUERIES = 200
"""Queries that an index is held against exact search for; all of them where there are fewer."""


class DenseSystem(System):
    """Ranks by a bi-encoder.

    Args:
        model: what encodes.
        name: what it is called.
    """

    def __init__(self, model: BiEncoder, name: str) -> None:
        self.model, self.name = model, name
        self._fingerprints: dict[tuple[str | None, str | None], str] = {}

    def prompted(self, test: TestSet) -> BiEncoder:
        """The model with the set's prompts."""
        return self.model.with_prompts(test.query_prompt, test.passage_prompt)

    def identity(self, context: Context, test: TestSet) -> tuple[dict[str, Any], dict[str, str]]:
        """The model's fingerprint, which is worked out once, and the index."""
        prompts = (test.query_prompt, test.passage_prompt)
        if prompts not in self._fingerprints:
            self._fingerprints[prompts] = self.prompted(test).fingerprint()
        index = test.settings.index
        return {"index": None if index is None else index.identity()}, {"model": self._fingerprints[prompts]}

    def rank(self, context: Context, test: TestSet, query_ids: Sequence[str], stage: Stage, folder: Path) -> Ranked:
        """Encodes what is not encoded yet, and searches. See `System.rank`."""
        timings: dict[str, float] = {}
        model, settings, collection = self.prompted(test), test.settings, test.collection
        with timed(timings, "encode_passages"):
            passages = passage_vectors(context, collection, model, self.name)
        check_dimension(passages, model, self.name)
        with timed(timings, "encode_queries"):
            queries = self.encoded(context, test, query_texts(collection, query_ids))
        left_out = left_out_pairs(collection, query_ids, settings.drop_self)
        counts = {"queries_truncated": queries.truncated, "passages_truncated": passages.truncated}
        if settings.index is not None:
            indexed = _Indexed(context, test, settings.index, passages, queries.vectors_ND, query_ids, left_out)
            rankings, facts = indexed.rank(timings)
            return Ranked(rankings, counts, timings, facts)
        rank, ranks = launched()
        with timed(timings, "search"), progress_bar("searching", len(collection.passages), "passages") as advance:
            job = _job(context, test, passages, left_out, stage, folder)
            keys_QK = search_parts(job, queries.vectors_ND, context.device, advance, rank, ranks)
            rankings = to_rankings(keys_QK, query_ids, collection.passages.ids, passages.ties, left_out)
        return Ranked(rankings, counts, timings)

    def encoded(self, context: Context, test: TestSet, texts: Sequence[str]) -> Encoded:
        """Vectors of queries, in memory."""
        return encode(
            self.prompted(test),
            texts,
            "query",
            batch_tokens=test.settings.batch_tokens,
            precision=test.settings.precision,
            device=context.device,
        )

    def helper(self, context: Context, test: TestSet, stage: Stage) -> Callable[[Path], None] | None:
        """Encodes shards and searches parts beside another process."""
        if test.settings.index is not None:
            return None

        def help_rank(folder: Path) -> None:
            passages = passage_vectors(context, test.collection, self.prompted(test), self.name)
            query_ids = list(judged_grades(test.collection.qrels, test.settings.measures))
            left_out = left_out_pairs(test.collection, query_ids, test.settings.drop_self)
            job = _job(context, test, passages, left_out, stage, folder)
            help_search(job, context.device, *launched(), lambda: context.store.is_locked(stage))

        return help_rank


def check_dimension(passages: PassageVectors, model: BiEncoder, name: str) -> None:
    """Refuses vectors of another size than the model's.

    Raises:
        WrankError: they differ.
    """
    if passages.vectors.dimension != model.dimension:
        raise WrankError(
            f"{passages.artifact.path}: its vectors have {passages.vectors.dimension} dimensions, {name} makes "
            f"{model.dimension}: not this model's, or damaged; remove that folder, it is made again"
        )


def _job(
    context: Context, test: TestSet, passages: PassageVectors, left_out: LeftOut, stage: Stage, folder: Path
) -> SearchJob:
    return SearchJob(
        passages=passages.vectors,
        ties=passages.ties,
        left_out=left_out,
        k=test.settings.depth,
        chunk=test.settings.chunk,
        folder=folder,
        locks=context.store.locks,
        name=f"search-{stage.key[:16]}",
        result=MEASURES,
    )


class _Indexed:
    """One search through an index, and what it misses."""

    def __init__(
        self,
        context: Context,
        test: TestSet,
        index: Index,
        passages: PassageVectors,
        queries_QD: np.ndarray,
        query_ids: Sequence[str],
        left_out: LeftOut,
    ) -> None:
        self.context, self.test, self.index, self.passages = context, test, index, passages
        self.queries_QD, self.query_ids, self.left_out = queries_QD, query_ids, left_out

    def rank(self, timings: dict[str, float]) -> tuple[Rankings, dict[str, Any]]:
        """Rankings, and the index's recall against exact search."""
        settings, ids = self.test.settings, self.test.collection.passages.ids
        with timed(timings, "build_index"):
            artifact = self._built(self.test.collection)
        searcher = self.index.open(artifact.path)
        with timed(timings, "search"):
            rankings = index_rankings(
                searcher,
                self.queries_QD,
                self.query_ids,
                ids,
                self.passages.ties,
                k=settings.depth,
                left_out=self.left_out,
            )
        chosen = slice(0, RECALL_QUERIES)
        pairs_P2 = self.left_out.pairs_P2
        exact = search(
            self.queries_QD[chosen],
            self.passages.vectors,
            self.query_ids[chosen],
            ids,
            k=settings.depth,
            ties=self.passages.ties,
            left_out=LeftOut(pairs_P2[pairs_P2[:, 0] < RECALL_QUERIES]),
            chunk=settings.chunk,
            device=self.context.device,
        )
        recall = recall_against(rankings, exact, sorted({10, 100, settings.depth}))
        facts = {"name": self.index.name, "recall_queries": len(exact), **recall}
        return rankings, {"index": facts}

    def _built(self, collection: Collection) -> Artifact:
        """The index, made once for these vectors."""
        stage = Stage(
            kind="index",
            name=f"{self.passages.artifact.manifest['name']}-{self.index.name}",
            config=self.index.build_identity(),
            inputs={"vectors": self.passages.artifact.content_key},
            details={"collection": collection.name},
        )

        def work(folder: Path) -> dict[str, Any]:
            with progress_bar("indexing", len(self.passages.vectors), "passages") as advance:
                self.index.build(self.passages.vectors, folder, advance)
            return {"passages": len(self.passages.vectors)}

        return self.context.do(stage, work)
