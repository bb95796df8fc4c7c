"""One model on one collection: encode, search, measure, and the files that say what came out.

Shapes: Q judged queries, N passages, D embedding size, P pairs.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wrank.evaluation.calibration import calibration
from wrank.evaluation.encode import Encoder, encode
from wrank.evaluation.measure import Scores, is_constant, judged_grades, score_run
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.search import LeftOut, search
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.slices import query_facts, slice_means
from wrank.evaluation.vectors import InMemory
from wrank.files import write_atomic
from wrank.trec import write_run

MEASURES = "measures.json"
"""The first file that `write_evaluation` writes."""


class Table(Protocol):
    """What evaluation needs of a table of texts; `wrank.data.table_base.Table` has it."""

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

    def find_many(self, ids: Any) -> np.ndarray:
        """The rows of ids, int64; -1 where there is no such id."""

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
    """What came out of one system on one collection.

    Attributes:
        scores: measures, values per query, counts of queries.
        rankings: the best passages of each judged query.
        counts: for the manifest: passages, queries judged, missing and without a relevant passage, queries of the
            collection without a judgement in the split (queries_unjudged), pairs left out (excluded, dropped_self), and
            what the system counted: texts cut at the length limit (queries_truncated, passages_truncated).
        timings: seconds of each step: encode_passages, encode_queries, search, measure.
        facts: query id -> what is known of it: see `wrank.evaluation.slices.query_facts`.
        no_credit: queries whose passages all have one score: scored 0, and left out of ``run.trec``.
        diagnosis: ``slices`` (means by kind of query) and ``calibration`` (how scores and grades agree).
    """

    scores: Scores
    rankings: Rankings
    counts: dict[str, int]
    timings: dict[str, float]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    diagnosis: dict[str, Any] = field(default_factory=dict)
    no_credit: frozenset[str] = frozenset()


def evaluate(
    model: Encoder,
    collection: Judged,
    settings: EvaluationSettings,
    *,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Ranks the whole corpus for every judged query of the collection's split, and measures the rankings.

    The vectors are held in memory; the stage of the store (`wrank.stage.evaluation`) keeps them on disk. Queries
    without judgements are not encoded.

    Args:
        model: a bi-encoder.
        collection: passages, queries, judgements of one split, excluded pairs.
        settings: measures, depth, precision, batch and chunk sizes.
        device: where to encode and search, e.g. ``cpu`` or ``cuda``.
        progress: called with the number of passages just encoded.

    Returns:
        Scores, rankings, counts, timings, facts and diagnosis.

    Raises:
        WrankError: no judged query, broken vectors, grades that are not whole; see `encode`, `search`, `score_run`.
    """
    timings: dict[str, float] = {}
    encoded = partial(encode, model, batch_tokens=settings.batch_tokens, precision=settings.precision, device=device)
    query_ids = list(judged_grades(collection.qrels, settings.measures))  # an error here costs no encoding
    with timed(timings, "encode_queries"):
        queries = encoded(query_texts(collection, query_ids), "query")
    with timed(timings, "encode_passages"):
        passages = encoded(collection.passages.all_texts, "passage", progress=progress)
    with timed(timings, "search"):
        rankings = search(
            queries.vectors_ND,
            InMemory(passages.vectors_ND),
            query_ids,
            collection.passages.ids,
            k=settings.depth,
            chunk=settings.chunk,
            left_out=left_out_pairs(collection, query_ids, settings.drop_self),
            device=device,
        )
    counts = {"queries_truncated": queries.truncated, "passages_truncated": passages.truncated}
    return measure(rankings, collection, settings.measures, counts, timings)


def measure(
    rankings: Rankings,
    collection: Judged,
    measures: Sequence[str],
    counts: Mapping[str, int],
    timings: dict[str, float],
    *,
    frequencies: Mapping[str, float] | None = None,
    scored: int | None = None,
    relevant: int = 1,
    constant_from: int = 2,
) -> Evaluation:
    """Scores rankings, and looks into them by kinds of queries and by grades.

    Args:
        rankings: of the judged queries.
        collection: the judgements.
        measures: names of measures.
        counts: what the system counted.
        timings: seconds of each step so far; the seconds of this one are added.
        frequencies: query id -> how often it is asked, where that is known.
        scored: ranks whose scores mean something, and are held against the grades; None = all.
        relevant: lowest grade that counts as relevant in facts, slices and counts; a measure's own is in its name.
        constant_from: see `score_run`.

    Raises:
        WrankError: see `score_run`.
    """
    with timed(timings, "measure"):
        scores = score_run(rankings, collection.qrels, measures, relevant=relevant, constant_from=constant_from)
        query_ids = list(scores.per_query)
        texts = query_texts(collection, query_ids)
        facts = query_facts(query_ids, texts, collection.qrels, frequencies, relevant=relevant)
        diagnosis = {
            "slices": slice_means(scores.per_query, facts, list(scores.measures)),
            "calibration": calibration(_top(rankings, scored), collection.qrels),
        }
    all_counts = {
        "passages": len(collection.passages),
        **scores.counts,
        "queries_unjudged": len(collection.queries) - len(query_ids),  # systems rank the judged ones alone
        "excluded": rankings.excluded,
        "dropped_self": rankings.dropped_self,
        **counts,
    }
    no_credit = _constant(rankings, constant_from) if scores.counts["queries_constant"] else frozenset()
    return Evaluation(scores, rankings, all_counts, timings, facts, diagnosis, no_credit)


def _constant(rankings: Rankings, least: int) -> frozenset[str]:
    """The queries whose passages all have one score."""
    found = zip(rankings.query_ids, rankings.scores_QK, strict=True)
    return frozenset(query_id for query_id, scores_K in found if is_constant(scores_K[np.isfinite(scores_K)], least))


def _top(rankings: Rankings, depth: int | None) -> Rankings:
    rows_QK, scores_QK = rankings.rows_QK[:, :depth], rankings.scores_QK[:, :depth]
    return Rankings(rankings.query_ids, rankings.passage_ids, rows_QK, scores_QK)


def query_texts(collection: Judged, query_ids: Sequence[str]) -> list[str]:
    """The texts of queries."""
    return collection.queries.texts([collection.queries.row(query_id) for query_id in query_ids])


def left_out_pairs(collection: Judged, query_ids: Sequence[str], drop_self: bool) -> LeftOut:
    """The pairs that leave the rankings: what the collection excludes, and, if asked, passages with the query's id.

    Args:
        collection: the excluded pairs.
        query_ids: Q ids.
        drop_self: whether a passage whose id is the query's leaves the ranking.

    Returns:
        Pairs with their counts; a pair that is excluded and the query itself counts as excluded.
    """
    wanted = [(row, one) for row, query_id in enumerate(query_ids) for one in collection.excluded.get(query_id, ())]
    excluded = len(wanted)
    if drop_self:
        own = getattr(collection, "original_id", str)  # of a query that comes again under the name of an objective
        wanted += [(row, own(query_id)) for row, query_id in enumerate(query_ids)]
    if not wanted:
        return LeftOut(np.empty((0, 2), dtype=np.int64))
    passage_rows = collection.passages.find_many([one for _, one in wanted])
    pairs_P2 = np.stack([np.array([row for row, _ in wanted], dtype=np.int64), passage_rows], axis=1)
    there = passage_rows >= 0
    distinct_P2, first = np.unique(pairs_P2[there], axis=0, return_index=True)
    excluded = int((np.flatnonzero(there)[first] < excluded).sum())
    return LeftOut(distinct_P2, excluded, len(distinct_P2) - excluded)


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Notes the seconds that the block takes."""
    start = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - start, 3)


def write_evaluation(folder: Path, evaluation: Evaluation, run_name: str) -> dict[str, int]:
    """Writes ``measures.json``, ``per_query.jsonl``, ``queries.jsonl``, ``diagnosis.json`` and ``run.trec``.

    ``measures.json`` is measure -> value; a line of ``per_query.jsonl`` is ``{"query_id": ..., measure: value, ...}``,
    one of ``queries.jsonl`` ``{"query_id": ..., fact: value, ...}``; the scores of ``run.trec`` are similarities before
    the model's temperature and fall strictly (see `Rankings.with_distinct_scores`), so every tool that scores the file
    sees our order; a query that gets no credit is not in it, which every tool scores 0.

    Args:
        folder: where to write, an existing folder; files there are replaced.
        evaluation: what `evaluate` returned.
        run_name: the last column of ``run.trec``; no white space.

    Returns:
        The evaluation's counts, for the manifest.

    Raises:
        WrankError: an id or the run name holds white space, which would break the columns of ``run.trec``.
    """
    scores = evaluation.scores
    write_atomic(folder / MEASURES, json.dumps(scores.measures, indent=2) + "\n")
    write_atomic(folder / "per_query.jsonl", _lines(scores.per_query))
    write_atomic(folder / "queries.jsonl", _lines(evaluation.facts))
    write_atomic(folder / "diagnosis.json", json.dumps(evaluation.diagnosis, indent=1) + "\n")
    rankings = evaluation.rankings.with_distinct_scores()
    told = {query_id for query_id in rankings if query_id not in evaluation.no_credit}
    write_run(folder / "run.trec", rankings if len(told) == len(rankings) else rankings.of(told), run_name)
    return evaluation.counts


def _lines(values: Mapping[str, Mapping[str, Any]]) -> str:
    rows = (json.dumps({"query_id": query_id, **one}, ensure_ascii=False) for query_id, one in values.items())
    return "".join(f"{row}\n" for row in rows)
