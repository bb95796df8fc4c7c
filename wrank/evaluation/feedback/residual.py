"""Feedback re-ranking measured on the residual collection: what was revealed is neither ranked nor judged any more.

Otherwise a method would be paid for putting the passages first that it was told are relevant. The first stage is scored
on the same residual collection, so the two differ by the order of the candidates alone. Source of the idea: Chang,
Cirillo and Razon 1971, "Evaluation of feedback retrieval using modified freezing, residual collection, and test and
control groups"; used so in arXiv 2210.10695.

Shapes: Q queries, C candidates of a query, D embedding size.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import Case, PassageVectors
from wrank.evaluation.feedback.draw import Order, nothing_to_score, reveal_order
from wrank.evaluation.feedback.result import Cell, FeedbackResult
from wrank.evaluation.feedback.settings import FeedbackSettings
from wrank.evaluation.measure import judged_grades, score_run
from wrank.evaluation.measure_name import parse_measures
from wrank.evaluation.ranking import Rankings

QUERIES_AT_ONCE = 32
"""Queries whose re-ranked runs, of every k and seed, are held at once; bounds memory, changes no result."""

Run = dict[str, list[tuple[str, float]]]
"""Query id -> (passage id, score)."""

COUNTS = (
    *("queries_judged", "queries_scored", "queries_few_relevant", "queries_few_nonrelevant"),
    *("queries_missing", "nonrelevant_unjudged", "judged_outside_corpus"),
)
"""Names of the counts of each k; see `FeedbackResult.counts`."""


@dataclass(frozen=True, eq=False)
class _Query:
    """One judged query: its candidates, best first, and the order in which its passages are revealed by seed."""

    id: str
    grades: Mapping[str, int]
    vector_D: np.ndarray | None  # None: the first stage lacks the query
    rows: Mapping[str, int]
    scores: Sequence[float]
    orders: Mapping[int, Order]


def feedback_scores(
    settings: FeedbackSettings,
    rankings: Rankings,
    queries_QD: np.ndarray,
    vectors: PassageVectors,
    qrels: Mapping[str, Mapping[str, float]],
    measures: Sequence[str],
    *,
    excluded: Mapping[str, Collection[str]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> FeedbackResult:
    """Reveals judged passages, re-ranks what is left with them, and measures both orders of what is left.

    Args:
        settings: the method, how much is revealed, by which seeds, from how many candidates.
        rankings: the first stage; its passage ids by row are the corpus.
        queries_QD: a vector for each query of the rankings, in their order, float32.
        vectors: vectors of passages by row.
        qrels: query id -> passage id -> grade, whole numbers.
        measures: names, see `wrank.evaluation.measure_name.parse_measures`.
        excluded: query id -> ids that are never revealed, as they are never ranked (where a passage whose id is the
            query's leaves the ranking, it belongs here).
        progress: called with the number of queries just done, those left out included.

    Returns:
        Values a query of every k and seed, the first stage's beside them, and counts.

    Raises:
        WrankError: no query has enough judgements for any k; vectors that do not fit or are not finite; see
            `score_run`.
    """
    if queries_QD.ndim != 2 or len(queries_QD) != len(rankings):
        raise WrankError(
            f"feedback: query vectors have the shape {queries_QD.shape}, but the first stage holds {len(rankings)} "
            "queries; wanted one vector for each"
        )
    judged = judged_grades(qrels, measures)
    if not any(
        query_id in judged and (rows >= 0).any()
        for query_id, rows in zip(rankings.query_ids, rankings.rows_QK, strict=True)
    ):
        raise WrankError(
            "feedback: no judged query has a candidate; is the first stage of another collection or split?"
        )
    collection = _Collection(settings, rankings, queries_QD, vectors, judged, excluded or {})
    counts: dict[int, Counter[str]] = {k: Counter() for k in settings.ks}
    cells = {place: Cell(*place, {}, {}) for place in product(settings.ks, settings.draws)}
    left = iter(judged)
    while block := [collection.query(query_id) for query_id in islice(left, QUERIES_AT_ONCE)]:
        for query in block:
            for k, count in counts.items():
                count.update(collection.count(query, k))
        for place, parts in collection.runs(block).items():
            cells[place].feedback.update(_measured(parts.feedback, parts.qrels, measures))
            cells[place].first_stage.update(_measured(parts.first_stage, parts.qrels, measures))
        if progress is not None:
            progress(len(block))
    if not any(count["queries_scored"] for count in counts.values()):
        raise WrankError(nothing_to_score(settings, counts[settings.ks[0]]))
    found = {k: {name: count[name] for name in COUNTS} for k, count in counts.items()}
    return FeedbackResult(settings.identity(), tuple(cell for cell in cells.values() if cell.feedback), found)


@dataclass(frozen=True)
class _Parts:
    """Both orders of the candidates of some queries, and the judgements that are left of them."""

    feedback: Run
    first_stage: Run
    qrels: dict[str, dict[str, int]]


class _Collection:
    """What is ranked, judged and revealed."""

    def __init__(
        self,
        settings: FeedbackSettings,
        rankings: Rankings,
        queries_QD: np.ndarray,
        vectors: PassageVectors,
        judged: Mapping[str, Mapping[str, int]],
        excluded: Mapping[str, Collection[str]],
    ) -> None:
        self.settings, self.rankings, self.queries_QD, self.vectors = settings, rankings, queries_QD, vectors
        self.judged, self.excluded = judged, excluded
        wanted = {id for grades in judged.values() for id in grades}
        self.corpus = {id: row for row, id in enumerate(rankings.passage_ids) if id in wanted}
        self.places = {query_id: place for place, query_id in enumerate(rankings.query_ids)}

    def query(self, query_id: str) -> _Query:
        """A judged query with its first candidates."""
        settings, grades, place = self.settings, self.judged[query_id], self.places.get(query_id)
        rows: dict[str, int] = {}
        scores: list[float] = []
        if place is not None:
            found = [row for row in self.rankings.rows_QK[place].tolist() if row >= 0][: settings.depth]
            rows = {self.rankings.passage_ids[row]: row for row in found}
            scores = self.rankings.scores_QK[place, : len(rows)].tolist()
        orders = {
            seed: reveal_order(
                query_id, seed, grades, list(rows), self.corpus, settings, self.excluded.get(query_id, ())
            )
            for seed in settings.draws
        }
        return _Query(query_id, grades, None if place is None else self.queries_QD[place], rows, scores, orders)

    def count(self, query: _Query, k: int) -> dict[str, int]:
        """What the query adds to the counts of k; how much there is to reveal is the same for every seed."""
        order = query.orders[self.settings.draws[0]]
        lack = order.lack(self.settings.removed(k))
        outside = sum(id not in self.corpus for id in query.grades)
        count = {"queries_judged": 1, lack or "queries_scored": 1, "judged_outside_corpus": outside}
        if lack is None:
            count |= {"queries_missing": int(not query.rows), "nonrelevant_unjudged": max(k - order.judged, 0)}
        return count

    def runs(self, queries: Sequence[_Query]) -> dict[tuple[int, int], _Parts]:
        """(k, seed) -> both orders and the judgements left, of those queries that have enough judgements."""
        runs: dict[tuple[int, int], _Parts] = {}
        for query in queries:
            enough = [
                (k, seed)
                for k, seed in product(self.settings.ks, self.settings.draws)
                if query.orders[seed].lack(self.settings.removed(k)) is None
            ]
            for place, (ids, scores) in zip(enough, self._reranked(query, enough), strict=True):
                removed = query.orders[place[1]].taken(self.settings.removed(place[0]))
                first = zip(query.rows, query.scores, strict=True)
                parts = runs.setdefault(place, _Parts({}, {}, {}))
                parts.feedback[query.id] = list(zip(ids, scores, strict=True))
                parts.first_stage[query.id] = [(id, score) for id, score in first if id not in removed]
                parts.qrels[query.id] = {id: grade for id, grade in query.grades.items() if id not in removed}
        return runs

    def _reranked(self, query: _Query, places: Sequence[tuple[int, int]]) -> Iterator[tuple[list[str], list[float]]]:
        """The candidates left at each (k, seed), in the first stage's order, with their new scores."""
        if query.vector_D is None or not places:
            yield from (([], []) for _ in places)
            return
        revealed = {id for k, seed in places for id in query.orders[seed].taken(k)}
        rows = {**query.rows, **{id: self.corpus[id] for id in sorted(revealed - query.rows.keys())}}
        vectors_ND = _vectors(self.vectors, rows, query)
        at = {id: place for place, id in enumerate(rows)}
        for k, seed in places:
            order = query.orders[seed]
            removed = order.taken(self.settings.removed(k))
            ids = [id for id in query.rows if id not in removed]
            candidates_CD, relevant_RD, nonrelevant_SD = (
                vectors_ND[[at[id] for id in chosen]] for chosen in (ids, order.relevant[:k], order.nonrelevant[:k])
            )
            case = Case(query.vector_D, ids, candidates_CD, relevant_RD, nonrelevant_SD)
            scores_C = np.asarray(self.settings.method.score(case), dtype=np.float64)
            if scores_C.shape != (len(ids),) or not (np.abs(scores_C) <= np.finfo(np.float32).max).all():
                raise WrankError(
                    f"feedback: {self.settings.method.name} gave query {query.id!r} scores of shape {scores_C.shape}; "
                    f"wanted {len(ids)} numbers that are finite as float32"
                )
            yield ids, scores_C.tolist()


def _vectors(vectors: PassageVectors, rows: Mapping[str, int], query: _Query) -> np.ndarray:
    """[n, D] vectors of passages, checked against the query's."""
    assert query.vector_D is not None
    if not np.isfinite(query.vector_D).all():
        raise WrankError(f"feedback: the vector of query {query.id!r} holds NaN or infinity: the model is broken")
    found_ND = np.asarray(vectors.rows(np.fromiter(rows.values(), dtype=np.int64, count=len(rows))))
    if found_ND.shape != (len(rows), len(query.vector_D)):
        raise WrankError(
            f"feedback: passage vectors came as {found_ND.shape}, wanted {(len(rows), len(query.vector_D))}; queries "
            "and passages must be encoded by one model"
        )
    broken = np.flatnonzero(~np.isfinite(found_ND).all(axis=1))
    if len(broken):
        raise WrankError(f"feedback: the vector of passage {list(rows)[broken[0]]!r} holds NaN or infinity")
    return found_ND


def _measured(run: Run, qrels: Mapping[str, Mapping[str, int]], measures: Sequence[str]) -> dict[str, dict[str, float]]:
    """Values a query. Where nothing is left to be ranked for any of them, which `score_run` refuses, they are 0."""
    if any(run.values()):
        return score_run(run, qrels, measures).per_query
    nothing = {name: float(name.startswith("Unjudged")) for name in map(str, parse_measures(measures))}
    return {query_id: dict(nothing) for query_id in qrels}
