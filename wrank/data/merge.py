"""Pairs of several sources together: which of equal pairs stays, and values looked up by pair."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.data.folder import FORMAT
from wrank.data.judgements import Judgements
from wrank.data.objective import Objectives
from wrank.data.table_base import Table
from wrank.data.union import rows_in
from wrank.errors import WrankError
from wrank.files import sha256_of_json


def pair_keys(query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
    """One int64 a pair [P]: equal for equal pairs, ascending by query, then by passage."""
    return np.asarray(query_rows, dtype=np.int64) << 31 | np.asarray(passage_rows, dtype=np.int64)


def last_of_each(query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
    """The places, ascending, of the pairs that do not come again later.

    Args:
        query_rows: [P].
        passage_rows: [P].
    """
    keys = pair_keys(query_rows, passage_rows)
    order = np.argsort(keys, kind="stable")
    is_last = np.append(keys[order][1:] != keys[order][:-1], True)
    return np.sort(order[is_last[: len(order)]])


def lookup(values: Judgements, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
    """The value of each pair, float64 [P]; NaN where there is none.

    Args:
        values: pairs with values as their grades.
        query_rows: [P].
        passage_rows: [P].
    """
    known = pair_keys(values.pair_query_rows(), values.passage_rows)
    wanted = pair_keys(query_rows, passage_rows)
    if not len(known):
        return np.full(len(wanted), np.nan)
    order = np.argsort(known)
    found = known[order].searchsorted(wanted).clip(max=len(known) - 1)
    places = order[found]
    return np.where(known[places] == wanted, values.grades[places], np.nan)


def excluded_of(
    collections: Iterable[Collection], more: Iterable[tuple[str, str]], queries: Table, passages: Table
) -> dict[str, set[str]]:
    """What any of several collections excludes: query id -> passage ids.

    Args:
        collections: their queries and passages are all in the tables.
        more: further pairs (query id, passage id); those with an id that is in no table are left out.
        queries: of all collections.
        passages: likewise.
    """
    excluded: dict[str, set[str]] = {}
    for one in collections:
        for query_id, ids in one.excluded.items():
            excluded.setdefault(query_id, set()).update(ids)
    for query_id, id in more:
        if query_id in queries and id in passages:
            excluded.setdefault(query_id, set()).add(id)
    return excluded


def asked_of(collections: Mapping[str, Collection], queries: Table) -> np.ndarray | None:
    """The text keys of the queries as they were asked, int64 [Q]; None where no instruction was put before any.

    Args:
        collections: name of the part -> collection; their queries are all in the table.
        queries: of all collections.

    Raises:
        WrankError: some have an instruction before their queries and others do not: two kinds of text for one model.
    """
    given = {name for name, one in collections.items() if one.asked is not None}
    if not given:
        return None
    if plain := [name for name in collections if name not in given]:
        raise WrankError(
            f"data.mix.parts.{plain[0]} has queries without an instruction, data.mix.parts.{min(given)} has an "
            "instruction before each: put an InstructedSource around both, or take one of the parts out"
        )
    keys = np.zeros(len(queries), dtype=np.int64)
    for one in collections.values():
        rows = np.arange(len(one.queries))
        keys[rows_in(queries, one.queries, rows)] = one.asked_keys(rows)
    return keys


def before_steps(some: Sequence[Sequence[Any]], kinds: Objectives, passages: Table, cache: Path) -> Judgements:
    """The pairs of some parts, mapped from disk; where two judge one pair, the higher grade.

    Args:
        some: (pairs, what names their content) of each part, before its steps.
        kinds: the names under which queries come again: what is known under one is known under all.
        passages: what passage rows mean.
        cache: folder in which arrays are built once, keyed by content.
    """

    def pairs() -> tuple[np.ndarray, ...]:
        query_rows, passage_rows, grades = kinds.spread(
            *(
                np.concatenate([getattr(one, name) for one, _ in some])
                for name in ("query_rows", "passage_rows", "grades")
            )
        )
        order = np.argsort(grades, kind="stable")
        kept = order[last_of_each(query_rows[order], passage_rows[order])]
        return query_rows[kept], passage_rows[kept], grades[kept]

    contents = [content for _, content in some]
    key = sha256_of_json([FORMAT, "before steps", contents, kinds.queries.key, passages.key])
    return Judgements.build(cache / "mixes" / key[:32], kinds.queries, passages, pairs)
