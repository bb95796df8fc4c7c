"""What can be drawn into the lists of one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wrank.data.collection import Collection
from wrank.data.table_base import Table
from wrank.errors import WrankError


@dataclass(frozen=True, slots=True)
class Pool:
    """The passages of one query, as rows of the table of passages.

    Attributes:
        rows: judged passages, highest grade first; each text once (of equal texts the one with the highest grade), none
            without text, none excluded.
        grades: their grades.
        forbidden: text keys of all judged and excluded passages: no negative may have one.
        candidates: where dense negatives are drawn from.
    """

    rows: tuple[int, ...]
    grades: tuple[float, ...]
    forbidden: frozenset[int]
    candidates: tuple[int, ...] = ()


def read_pool(collection: Collection, query_row: int) -> Pool | None:
    """The pool of a query, without candidates; None when it holds nothing relevant.

    Args:
        collection: passages and judgements.
        query_row: row of a judged query.
    """
    table = collection.passages
    keys = table.keys
    excluded = collection.excluded.get(collection.queries.id(query_row), ()) if collection.excluded else ()
    excluded_keys = {int(keys[row]) for row in table.rows(excluded)}
    rows_P, grades_P = collection.judgements.of_query(query_row)
    judged = [(row, grade, int(keys[row])) for row, grade in zip(rows_P.tolist(), grades_P.tolist(), strict=True)]
    best: dict[int, tuple[int, float]] = {}
    for row, grade, key in sorted(judged, key=lambda item: (-item[1], item[0])):
        if key not in excluded_keys and not table.is_empty(row):
            best.setdefault(key, (row, grade))
    if not any(grade > 0 for _, grade in best.values()):
        return None
    rows, grades = zip(*best.values(), strict=True)
    return Pool(rows, grades, frozenset(excluded_keys.union(key for _, _, key in judged)))


def rows_with_positive(collection: Collection, query_rows: np.ndarray) -> np.ndarray:
    """Those queries for which `read_pool` finds something, in the same order.

    Args:
        collection: passages and judgements.
        query_rows: [Q] rows of judged queries.
    """
    judged = collection.judgements
    relevant_P = judged.grades > 0
    if len(empty := collection.passages.empty_rows()):
        relevant_P &= ~np.isin(judged.passage_rows, empty)
    found = np.isin(query_rows, np.unique(judged.pair_query_rows()[relevant_P]))
    with_excluded = collection.queries.find_many(list(collection.excluded))
    for place in np.flatnonzero(found & np.isin(query_rows, with_excluded)).tolist():
        found[place] = read_pool(collection, int(query_rows[place])) is not None
    return query_rows[found]


def dense_candidates(
    table: Table, query_id: str, candidates: Mapping[str, Sequence[str]], forbidden: frozenset[int], first: int
) -> list[int]:
    """A query's ranking without what may not be a negative.

    Args:
        table: the passages.
        query_id: the query.
        candidates: query id -> passage ids, best first.
        forbidden: text keys that leave the ranking; passages without text and repeated texts leave it too.
        first: the first rank drawn from, from 1.

    Returns:
        Rows, best first.

    Raises:
        WrankError: no ranking for the query, an unknown passage, or a ranking that ends before `first`.
    """
    if query_id not in candidates:
        raise WrankError(f"lists.negatives is dense, but query {query_id!r} has no candidates: rank passages for it")
    ranked: dict[int, int] = {}
    for row in table.rows(candidates[query_id]):
        key = int(table.keys[row])
        if key not in forbidden and not table.is_empty(row):
            ranked.setdefault(key, row)
    if len(ranked) < first:
        raise WrankError(
            f"lists.window begins at rank {first}, but query {query_id!r} has {len(ranked)} candidates neither "
            f"judged nor excluded: lower lists.window or rank more passages"
        )
    return list(ranked.values())
