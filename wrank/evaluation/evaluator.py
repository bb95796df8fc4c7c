"""One model on one collection: encode, search, measure, and the files that say what came out.

Shapes: Q judged queries, N passages, D embedding size.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from wrank.evaluation.encode import Encoder, encode
from wrank.evaluation.measure import Scores, judged_grades, score_run
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.search import search
from wrank.evaluation.settings import EvaluationSettings
from wrank.files import write_atomic
from wrank.trec import write_run


class Table(Protocol):
    """What evaluation needs of a table of texts; `wrank.data.table.TextTable` has it."""

    @property
    def ids(self) -> Sequence[str]:
        """All ids by row."""

    @property
    def all_texts(self) -> Sequence[str]:
        """All texts by row, read from disk when asked for."""

    def __len__(self) -> int:
        """Number of rows."""

    def row(self, id: str) -> int:
        """The row of an id."""

    def texts(self, rows: Iterable[int]) -> list[str]:
        """The texts of rows."""


class Judged(Protocol):
    """What evaluation needs of a collection; `wrank.data.collection.Collection` has it."""

    @property
    def passages(self) -> Table:
        """What is searched."""

    @property
    def queries(self) -> Table:
        """What is asked, judged or not."""

    @property
    def qrels(self) -> Mapping[str, Mapping[str, float]]:
        """Query id -> passage id -> grade."""

    @property
    def excluded(self) -> Mapping[str, Collection[str]]:
        """Query id -> passages that leave its ranking before any cut-off."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out of one model on one collection.

    Attributes:
        scores: measures, values per query, counts of queries.
        rankings: the best passages of each judged query.
        counts: for the manifest: passages, queries judged, missing and without a relevant passage, pairs left out
            (excluded, dropped_self), texts cut at the length limit (queries_truncated, passages_truncated).
        timings: seconds of each step: encode_passages, encode_queries, search, measure.
    """

    scores: Scores
    rankings: Rankings
    counts: dict[str, int]
    timings: dict[str, float]


def evaluate(
    model: Encoder,
    collection: Judged,
    settings: EvaluationSettings,
    *,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
    passage_vectors: np.ndarray | None = None,
) -> Evaluation:
    """Ranks the whole corpus for every judged query of the collection's split, and measures the rankings.

    Queries without judgements are not encoded.

    Args:
        model: a bi-encoder.
        collection: passages, queries, judgements of one split, excluded pairs.
        settings: measures, depth, precision, batch and chunk sizes.
        device: where to encode and search, e.g. ``cpu`` or ``cuda``.
        progress: called with the number of passages just encoded.
        passage_vectors: vectors of all passages by row [N, D], float32, as `encode` makes them; None encodes them now.

    Returns:
        Scores, rankings, counts and timings.

    Raises:
        WrankError: no judged query, broken vectors, grades that are not whole; see `encode`, `search`, `score_run`.
    """
    timings: dict[str, float] = {}
    encoded = partial(encode, model, batch_tokens=settings.batch_tokens, precision=settings.precision, device=device)
    query_ids = list(judged_grades(collection.qrels, settings.measures))  # an error here costs no encoding
    with _timed(timings, "encode_queries"):
        texts = collection.queries.texts([collection.queries.row(query_id) for query_id in query_ids])
        queries = encoded(texts, "query")
    truncated = {"queries_truncated": queries.truncated}
    if passage_vectors is None:
        with _timed(timings, "encode_passages"):
            passages = encoded(collection.passages.all_texts, "passage", progress=progress)
        truncated["passages_truncated"] = passages.truncated
        passage_vectors = passages.vectors_ND
    with _timed(timings, "search"):
        rankings = search(
            queries.vectors_ND,
            passage_vectors,
            query_ids,
            collection.passages.ids,
            k=settings.depth,
            chunk=settings.chunk,
            excluded=collection.excluded,
            drop_self=settings.drop_self,
            device=device,
        )
    with _timed(timings, "measure"):
        scores = score_run(rankings, collection.qrels, settings.measures)
    counts = {
        "passages": len(collection.passages),
        **scores.counts,
        "excluded": rankings.excluded,
        "dropped_self": rankings.dropped_self,
        **truncated,
    }
    return Evaluation(scores, rankings, counts, timings)


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - start, 3)


def write_evaluation(folder: Path, evaluation: Evaluation, run_name: str) -> dict[str, int]:
    """Writes ``measures.json``, ``per_query.jsonl`` and ``run.trec`` into an existing folder.

    ``measures.json`` is measure -> value; a line of ``per_query.jsonl`` is ``{"query_id": ..., measure: value, ...}``;
    the scores of ``run.trec`` are similarities before the model's temperature and fall strictly (see
    `Rankings.with_distinct_scores`), so every tool that scores the file sees our order.

    Args:
        folder: where to write; files there are replaced.
        evaluation: what `evaluate` returned.
        run_name: the last column of ``run.trec``; no white space.

    Returns:
        The evaluation's counts, for the manifest.

    Raises:
        WrankError: an id or the run name holds white space, which would break the columns of ``run.trec``.
    """
    scores = evaluation.scores
    lines = (json.dumps({"query_id": query_id, **values}) for query_id, values in scores.per_query.items())
    write_atomic(folder / "measures.json", json.dumps(scores.measures, indent=2) + "\n")
    write_atomic(folder / "per_query.jsonl", "".join(f"{line}\n" for line in lines))
    write_run(folder / "run.trec", evaluation.rankings.with_distinct_scores(), run_name)
    return evaluation.counts
