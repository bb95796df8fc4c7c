"""The ranking of passages per query, and the one rule for ties.

Rule for ties: the higher float32 score comes first; of equal scores the passage id that is greater as a string comes
first (descending order of code points). This is what trec_eval does, so its figures and ours agree. Everything that
orders passages by score goes by this file: `search.py` through its keys, runs read from a file through `in_order`.

Shapes: Q queries, K ranks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from wrank.errors import WrankError


def in_order(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Passages of one query by the rule for ties, best first.

    Args:
        scores: passage id -> score; scores are compared as float32, as trec_eval compares them.

    Returns:
        (passage id, float32 score) pairs.
    """
    rounded = ((passage_id, float(np.float32(score))) for passage_id, score in scores.items())
    return sorted(rounded, key=lambda pair: (pair[1], pair[0]), reverse=True)


@dataclass(frozen=True, eq=False)
class Ties:
    """The order of N passage ids in which ties are broken: ids descending.

    Attributes:
        order_N: rows in that order, integers; may be mapped from disk.
        rank_N: the place of each row in that order: the inverse of `order_N`.
    """

    order_N: np.ndarray
    rank_N: np.ndarray

    @classmethod
    def of(cls, passage_ids: Sequence[str]) -> "Ties":
        """Sorts ids.

        Args:
            passage_ids: N ids by row.

        Raises:
            WrankError: an id comes twice, so that its ties have no order.
        """
        ids = list(passage_ids)
        rows = sorted(range(len(ids)), key=ids.__getitem__, reverse=True)
        for row, next_row in pairwise(rows):
            if ids[row] == ids[next_row]:
                raise WrankError(f"passage id {ids[row]!r} comes twice, at rows {row} and {next_row}; wanted each once")
        return cls.of_order(np.array(rows, dtype=np.int32))

    @classmethod
    def of_order(cls, order_N: np.ndarray) -> "Ties":
        """From the rows in order."""
        rank_N = np.empty(len(order_N), dtype=np.int32)
        rank_N[order_N] = np.arange(len(order_N), dtype=np.int32)
        return cls(order_N, rank_N)


@dataclass(frozen=True, eq=False)
class Rankings(Mapping[str, list[tuple[str, float]]]):
    """The best K passages of each of Q queries, best first, by the rule for ties.

    A mapping of query id to its (passage id, score) pairs, which are made when asked for: memory is that of two arrays.

    Attributes:
        query_ids: Q ids.
        passage_ids: the id of every passage of the corpus, by row; any sequence, not copied.
        rows_QK: rows of passages, int64; -1 after the end of a ranking that is shorter than K.
        scores_QK: float32 scores; -inf after the end.
        excluded: how many (query, passage) pairs of the corpus left the ranking because they are excluded.
        dropped_self: how many passages left the ranking because their id is the query's.
    """

    query_ids: Sequence[str]
    passage_ids: Sequence[str]
    rows_QK: np.ndarray
    scores_QK: np.ndarray
    excluded: int = 0
    dropped_self: int = 0
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {query_id: place for place, query_id in enumerate(self.query_ids)})

    def __len__(self) -> int:
        return len(self.query_ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.query_ids)

    def __getitem__(self, query_id: str) -> list[tuple[str, float]]:
        place = self._places[query_id]
        rows = [row for row in self.rows_QK[place].tolist() if row >= 0]
        scores = self.scores_QK[place, : len(rows)].tolist()
        return [(self.passage_ids[row], score) for row, score in zip(rows, scores, strict=True)]

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Query id -> passage id -> score, best first. Holds everything as Python objects: for small runs."""
        return {query_id: dict(ranking) for query_id, ranking in self.items()}

    def of(self, query_ids: Collection[str]) -> "Rankings":
        """The rankings of some of the queries."""
        places = [place for place, query_id in enumerate(self.query_ids) if query_id in query_ids]
        kept = [self.query_ids[place] for place in places]
        return replace(self, query_ids=kept, rows_QK=self.rows_QK[places], scores_QK=self.scores_QK[places])

    def with_distinct_scores(self) -> "Rankings":
        """The same rankings with scores that fall strictly, so that no reader of a run file has a tie to break.

        Tools differ on ties: trec_eval takes ids in descending order, the RR@k of ir_measures in ascending order. A
        score that does not fall below the one before it is lowered to the next float32 below that one. Scores without
        ties are unchanged.
        """
        return replace(self, scores_QK=_strictly_falling(self.scores_QK))


def rankings_of(
    query_ids: Sequence[str],
    passage_ids: Sequence[str],
    rows: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    *,
    depth: int,
    left_out_P2: np.ndarray | None = None,
) -> Rankings:
    """Rankings of scored rows, put into the order of the rule for ties.

    Args:
        query_ids: Q ids.
        passage_ids: the id of every passage of the corpus, by row.
        rows: a query's passages, int64 [n], in any order, each once.
        scores: their scores, float32 [n].
        depth: ranks kept.
        left_out_P2: (query row, passage row) pairs that leave the rankings before the cut-off; None = none.
    """
    longest = min(depth, max(map(len, rows), default=0))
    rows_QK = np.full((len(query_ids), longest), -1, dtype=np.int64)
    scores_QK = np.full((len(query_ids), longest), -np.inf, dtype=np.float32)
    gone: dict[int, list[int]] = {}
    for query, row in [] if left_out_P2 is None else left_out_P2.tolist():
        gone.setdefault(query, []).append(row)
    for place, (found, marks) in enumerate(zip(rows, scores, strict=True)):
        if place in gone:
            kept = ~np.isin(found, gone[place])
            found, marks = found[kept], marks[kept]
        names = [passage_ids[row] for row in found.tolist()]
        order = sorted(range(len(names)), key=lambda one: (float(marks[one]), names[one]), reverse=True)[:longest]
        rows_QK[place, : len(order)] = found[order]
        scores_QK[place, : len(order)] = marks[order]
    return Rankings(list(query_ids), passage_ids, rows_QK, scores_QK)


def _strictly_falling(scores_QK: np.ndarray) -> np.ndarray:
    """Each score, or the next float32 below the one before it, whichever is lower; rows must not rise."""
    finite = np.isfinite(scores_QK)
    steps_QK = float_order(np.where(finite, scores_QK, np.float32(0)).astype(np.float32)).astype(np.int64)
    # lowest[i] = min(steps[i], lowest[i-1] - 1) is a running minimum of steps[i] + i, moved back by i
    ranks_K = np.arange(scores_QK.shape[1], dtype=np.int64)
    lowest_QK = np.minimum.accumulate(steps_QK + ranks_K, axis=1) - ranks_K
    return np.where(finite, float_from_order(lowest_QK.astype(np.int32)), scores_QK)


def float_order(scores: np.ndarray) -> np.ndarray:
    """Float32 -> int32 whose order is the floats' order, neighbours being 1 apart; -0.0 becomes 0.0."""
    bits = (np.ascontiguousarray(scores, dtype=np.float32) + np.float32(0)).view(np.int32)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def float_from_order(order: np.ndarray) -> np.ndarray:
    """The inverse of `float_order`."""
    magnitude = np.abs(order).view(np.float32)
    return np.where(order < 0, -magnitude, magnitude)
