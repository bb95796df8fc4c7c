"""What can be drawn into the lists of one query."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wrank.data.collection import Collection, Mixed
from wrank.data.judgements import Judgements
from wrank.data.table_base import Table
from wrank.errors import WrankError


@dataclass(frozen=True, slots=True)
class Pool:
    """The passages of one query, as rows of the table of passages.

    Attributes:
        rows: judged passages, highest grade first; each text once (of equal texts the one with the highest grade), none
            without text, none excluded.
        grades: their grades.
        sources: where each came from: ``judged``, or the part of a mix.
        teacher: a teacher's score of each (NaN: none), or None.
        forbidden: text keys of all judged and excluded passages: no negative may have one.
        candidates: where dense negatives are drawn from.
        weight: of the list in the loss.
    """

    rows: tuple[int, ...]
    grades: tuple[float, ...]
    sources: tuple[str, ...]
    forbidden: frozenset[int]
    teacher: tuple[float, ...] | None = None
    candidates: tuple[int, ...] = ()
    weight: float = 1.0


def read_pool(collection: Collection, query_row: int, epoch: int = 0) -> Pool | None:
    """The pool of a query, without candidates; None when it holds nothing relevant.

    Args:
        collection: passages and judgements.
        query_row: row of a judged query.
        epoch: from 0; parts of a mix that give random pairs give others in another epoch.
    """
    table, judged = collection.passages, collection.judgements
    keys = table.keys
    place = judged.place_of(query_row)
    if place is None:
        return None
    excluded = collection.excluded.get(collection.queries.id(query_row), ()) if collection.excluded else ()
    excluded_keys = {int(keys[row]) for row in table.rows(excluded)}
    span = judged.span(place)
    rows, grades = judged.passage_rows[span].tolist(), judged.grades[span].tolist()
    row_keys = [int(keys[row]) for row in rows]
    kept: Iterable[int] = range(len(rows))
    if collection.mixed is not None:
        kept = collection.mixed.draw(collection.queries.id(query_row), epoch, judged.extra["part"][span], grades)
    best: dict[int, int] = {}
    for at in sorted(kept, key=lambda at: (-grades[at], rows[at])):
        if row_keys[at] not in excluded_keys and not table.is_empty(rows[at]):
            best.setdefault(row_keys[at], at)
    chosen = list(best.values())
    if not any(grades[at] > 0 for at in chosen):
        return None
    pool = Pool(
        rows=tuple(rows[at] for at in chosen),
        grades=tuple(grades[at] for at in chosen),
        sources=("judged",) * len(chosen),
        forbidden=frozenset(excluded_keys.union(row_keys, collection.known_of(query_row))),
    )
    return pool if collection.mixed is None else _with_mix(collection.mixed, judged, span, chosen, pool)


def _with_mix(mixed: Mixed, judged: Judgements, span: slice, chosen: list[int], pool: Pool) -> Pool:
    parts, weights = judged.extra["part"][span], judged.extra["weight"][span]
    teacher = judged.extra["teacher"][span] if "teacher" in judged.extra else None
    return replace(
        pool,
        sources=tuple(mixed.names[int(parts[at])] for at in chosen),
        teacher=None if teacher is None else tuple(float(teacher[at]) for at in chosen),
        weight=float(weights[-1]),  # the last part that has the query decides
    )


def rows_with_positive(
    collection: Collection, query_rows: np.ndarray, parts: frozenset[int] | None = None
) -> np.ndarray:
    """Those queries for which `read_pool` finds something, in the same order.

    Args:
        collection: passages and judgements.
        query_rows: [Q] rows of judged queries.
        parts: the parts of a mix (by number) that count; None = all.
    """
    judged = collection.judgements
    relevant_P = judged.grades > 0
    if parts is not None:
        relevant_P &= np.isin(judged.extra["part"], list(parts))
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
