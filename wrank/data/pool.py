"""What can be drawn into the lists of one query."""

import math
from collections.abc import Mapping, Sequence
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


def read_pool(
    collection: Collection, query_row: int, epoch: int | None = None, parts: frozenset[int] | None = None
) -> Pool | None:
    """The pool of a query, without candidates; None when it holds nothing relevant.

    Args:
        collection: passages and judgements.
        query_row: row of a judged query.
        epoch: from 0: of a mix, the pairs that take part in it, those drawn at random among them; None = all pairs.
        parts: with no epoch: the parts of a mix (by number) that count; None = all.
    """
    table, judged, mixed = collection.passages, collection.judgements, collection.mixed
    place = judged.place_of(query_row)
    if place is None:
        return None
    query_id = collection.queries.id(query_row)
    excluded = collection.excluded.get(query_id, ()) if collection.excluded else ()
    excluded_keys = {int(table.keys[row]) for row in table.rows(excluded)}
    span = judged.span(place)
    rows, grades = judged.passage_rows[span].tolist(), judged.grades[span].tolist()
    row_keys = [int(table.keys[row]) for row in rows]
    brought = [] if mixed is None else judged.extra["part"][span].tolist()
    relevant = {} if mixed is None else collection.known_grades(query_row)
    best: dict[int, int] = {}  # of equal texts the one with the highest grade, before anything is drawn
    for at in sorted(range(len(rows)), key=lambda at: (-grades[at], rows[at])):
        if row_keys[at] in excluded_keys or table.is_empty(rows[at]):
            continue
        if mixed is not None and brought[at] not in mixed.judged and relevant.get(row_keys[at], 0) > 0:
            continue  # a mined copy of what is judged relevant: its judgement decides, not the mix
        if parts is None or brought[at] in parts:
            best.setdefault(row_keys[at], at)
    chosen = list(best.values())
    if mixed is not None and epoch is not None:
        chosen = mixed.draw(query_id, epoch, {at: brought[at] for at in chosen}, grades)
    if not any(grades[at] > 0 for at in chosen):
        return None
    pool = Pool(
        rows=tuple(rows[at] for at in chosen),
        grades=tuple(grades[at] for at in chosen),
        sources=("judged",) * len(chosen),
        forbidden=frozenset(excluded_keys.union(row_keys, collection.never_negative(query_row))),
    )
    return pool if mixed is None else _with_mix(mixed, judged, span, chosen, pool)


def _with_mix(mixed: Mixed, judged: Judgements, span: slice, chosen: list[int], pool: Pool) -> Pool:
    parts, weights = judged.extra["part"][span], judged.extra["weight"][span]
    teacher = judged.extra["teacher"][span] if "teacher" in judged.extra else None
    given = [at for at in sorted(chosen, key=lambda at: int(parts[at])) if not math.isnan(weights[at])]
    return replace(
        pool,
        sources=tuple(mixed.names[int(parts[at])] for at in chosen),
        teacher=None if teacher is None else tuple(float(teacher[at]) for at in chosen),
        weight=float(weights[given[-1]]) if given else 1.0,  # the last part in the list that sets one decides
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
    judged, mixed = collection.judgements, collection.mixed
    relevant_P = judged.grades > 0
    if parts is not None:
        relevant_P &= np.isin(judged.extra["part"], list(parts))
    if len(empty := collection.passages.empty_rows()):
        relevant_P &= ~np.isin(judged.passage_rows, empty)
    pair_rows = judged.pair_query_rows()
    found = np.isin(query_rows, np.unique(pair_rows[relevant_P]))
    doubtful = np.isin(query_rows, collection.queries.find_many(list(collection.excluded)))
    if mixed is not None:  # mined pairs alone may all be copies of judged ones
        of_judged = relevant_P & np.isin(judged.extra["part"], list(mixed.judged))
        doubtful |= ~np.isin(query_rows, np.unique(pair_rows[of_judged]))
    for place in np.flatnonzero(found & doubtful).tolist():
        found[place] = read_pool(collection, int(query_rows[place]), parts=parts) is not None
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


def in_turns(shuffled: Sequence[int], labels: Sequence[float | str]) -> list[int]:
    """One place of each label, then a second of each, and so on; labels in the order of their first place.

    Args:
        shuffled: places.
        labels: of every place.
    """
    turn: dict[float | str, int] = {}
    turns = []
    for place in shuffled:
        turn[labels[place]] = turn.get(labels[place], -1) + 1
        turns.append(turn[labels[place]])
    rank = {label: number for number, label in enumerate(turn)}
    order = sorted(range(len(shuffled)), key=lambda at: (turns[at], rank[labels[shuffled[at]]]))
    return [shuffled[at] for at in order]
