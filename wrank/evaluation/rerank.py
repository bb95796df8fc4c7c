"""A first stage's best candidates scored anew by reading query and passage together, e.g. by a cross-encoder.

Shapes: Q queries, K ranks, N passages of the corpus.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.ranking import Rankings, float_from_order, float_order, in_order


class Scorer(Protocol):
    """What scores pairs; `wrank.teacher.base.Pointwise` has it."""

    def score(self, pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        """One score a (query text, passage text), in the order given, higher = better; NaN where there is none."""


class Loadable(Scorer, Protocol):
    """A scorer that is loaded by entering it and freed by leaving it; every such teacher is one."""

    def title(self) -> str:
        """What it is called in tables and folders."""

    def identity(self) -> dict[str, Any]:
        """JSON values that can change a score."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class Reranker:
    """What a user sets about reranking; checked when made.

    Attributes:
        scorer: what scores pairs.
        depth: candidates a query that are scored, the best of the first stage.
        candidates: a run file whose passages are the candidates; None: those that the model finds.
    """

    scorer: Loadable
    depth: int = 100
    candidates: str | None = None

    def __post_init__(self) -> None:
        if not callable(getattr(self.scorer, "score", None)):
            raise WrankError(
                f"evaluation.reranker.scorer is {type(self.scorer).__name__}, which does not score single passages; "
                "wanted teacher@evaluation.reranker.scorer=cross_encoder | llm"
            )
        _check_depth("evaluation.reranker.depth", self.depth)


@dataclass(frozen=True)
class Reranked:
    """Candidates in their new order.

    Attributes:
        rankings: the same passages a query. The best ``depth`` of the first stage come first, by their new scores; then
            those for which the scorer had none; then the rest; both in the first stage's order, each with the next
            float32 below the score before it: such a score says where a passage stands, and nothing else. A query
            without any new score keeps its ranking as it was.
        pairs: how many pairs were scored.
        unscored: how many of them have no score (NaN).
        constant: ids of queries whose two or more new scores are all equal: the scorer says nothing about them, and the
            order is that of ids.
    """

    rankings: Rankings
    pairs: int
    unscored: int
    constant: tuple[str, ...]


def rerank(
    rankings: Rankings,
    scorer: Scorer,
    query_texts: Mapping[str, str],
    passage_texts: Callable[[Sequence[int]], Sequence[str]],
    depth: int,
    progress: Callable[[int], None] | None = None,
) -> Reranked:
    """Scores the best candidates of each query anew. Texts are read when the scorer asks for them.

    Args:
        rankings: the first stage.
        scorer: sees all pairs as one stream, query by query.
        query_texts: query id -> text, of every query of the rankings.
        passage_texts: rows -> texts, e.g. `TextTable.texts`.
        depth: candidates a query that are scored, the best of the first stage.
        progress: called with the number of pairs just scored.

    Returns:
        The new rankings and what is to be known about the scores. Ties go by the rule of `ranking.py`.

    Raises:
        WrankError: depth below 1, a query without a text, a score that is infinite as float32, fewer or more scores
            than pairs.
    """
    _check_depth("rerank: depth", depth)
    missing = [query_id for query_id in rankings.query_ids if query_id not in query_texts]
    if missing:
        raise WrankError(
            f"rerank: {len(missing)} queries of the run have no text, e.g. {missing[0]!r}; is it of another collection?"
        )
    lists = [[row for row in rows.tolist() if row >= 0] for rows in rankings.rows_QK]
    stream = scorer.score(_pairs(rankings.query_ids, lists, query_texts, passage_texts, depth))
    rows_QK, scores_QK = rankings.rows_QK.copy(), rankings.scores_QK.astype(np.float32)
    pairs = unscored = 0
    constant = []
    for place, (query_id, rows) in enumerate(zip(rankings.query_ids, lists, strict=True)):
        head = rows[:depth]
        scores = _scores(stream, len(head), query_id)
        known = scores[~np.isnan(scores)]
        order, new = _order(head, scores, rankings.passage_ids)
        if len(known):
            order += rows[depth:]
            rows_QK[place, : len(rows)] = order
            scores_QK[place, : len(rows)] = _filled(new, len(rows), query_id)
        if len(known) > 1 and (known == known[0]).all():
            constant.append(query_id)
        pairs += len(head)
        unscored += len(head) - len(known)
        if progress is not None and head:
            progress(len(head))
    if next(stream, None) is not None:
        raise WrankError(f"rerank: the scorer gave more than one score a pair ({pairs} pairs)")
    return Reranked(replace(rankings, rows_QK=rows_QK, scores_QK=scores_QK), pairs, unscored, tuple(constant))


def _check_depth(key: str, depth: Any) -> None:
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise WrankError(f"{key} is {depth!r}; wanted a whole number from 1 up")


def _pairs(
    query_ids: Sequence[str],
    lists: Sequence[Sequence[int]],
    query_texts: Mapping[str, str],
    passage_texts: Callable[[Sequence[int]], Sequence[str]],
    depth: int,
) -> Iterator[tuple[str, str]]:
    for query_id, rows in zip(query_ids, lists, strict=True):
        if rows:
            yield from ((query_texts[query_id], text) for text in passage_texts(rows[:depth]))


def _scores(stream: Iterator[float], count: int, query_id: str) -> np.ndarray:
    """The next scores as float32, NaN where the scorer has none."""
    scores = np.array(list(islice(stream, count)), dtype=np.float64)
    if len(scores) < count:
        raise WrankError(f"rerank: the scorer stopped at query {query_id!r}: {len(scores)} of {count} scores came")
    if (np.abs(scores) > np.finfo(np.float32).max).any():  # NaN is not
        raise WrankError(f"rerank: the scorer gave query {query_id!r} a score that is infinite as float32")
    return scores.astype(np.float32)


def _order(rows: Sequence[int], scores: np.ndarray, passage_ids: Sequence[str]) -> tuple[list[int], list[float]]:
    """Rows with a score, best first, then those without; and the scores there are."""
    by_id = {passage_ids[row]: row for row in rows}
    known = {id: score for id, score in zip(by_id, scores.tolist(), strict=True) if not np.isnan(score)}
    best = in_order(known)
    return [by_id[id] for id, _ in best] + [by_id[id] for id in by_id if id not in known], [score for _, score in best]


def _filled(scores: Sequence[float], length: int, query_id: str) -> np.ndarray:
    """Scores up to a length, each new one a float32 step below the one before it."""
    known = np.array(scores, dtype=np.float32)
    lowest = int(float_order(known[-1:])[0]) - np.arange(1, length - len(known) + 1, dtype=np.int64)
    filled = float_from_order(lowest.astype(np.int32))
    if not np.isfinite(filled).all():
        raise WrankError(f"rerank: query {query_id!r} has the score {scores[-1]:g}; float32 has no room below it")
    return np.concatenate([known, filled])
