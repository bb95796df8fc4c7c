"""Blocks of pairs become rows of tables: ids are looked up many at once, unknown ones named or left out.

Shapes: P pairs.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from wrank.data.judgements import Conflict
from wrank.data.source.base import Unknown, rows_of_ids
from wrank.data.source.pair_reader import PairBlock
from wrank.data.table_base import Table
from wrank.errors import WrankError

Blocks = Callable[[], Iterator[PairBlock]]
"""Reads the file anew."""


class Gathered(NamedTuple):
    """Pairs as rows of tables.

    Attributes:
        query_rows: int32 [P].
        passage_rows: int32 [P].
        scores: float64 [P].
        unknown: pairs that were left out because an id is in no table.
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    scores: np.ndarray
    unknown: int


def gather(place: str, blocks: Blocks, queries: Table, passages: Table, skip: bool = False) -> Gathered:
    """Reads all pairs.

    Args:
        place: the file, for messages.
        blocks: its pairs.
        queries: what the query ids mean.
        passages: what the passage ids mean.
        skip: whether pairs with an unknown id are left out and counted; they are an error else.

    Raises:
        WrankError: an unknown id, or no pair that is known.
    """
    columns: tuple[list[np.ndarray], ...] = ([], [], [])
    unknown, left_out = Unknown(place, queries, passages), 0
    for block, query_rows, passage_rows in _looked_up(blocks, queries, passages):
        known = (query_rows >= 0) & (passage_rows >= 0)
        if not known.all():
            left_out += int(len(known) - known.sum())
            if not skip:
                _name_unknown(unknown, block, query_rows, passage_rows)
        for column, into in zip((query_rows, passage_rows, block.scores), columns, strict=True):
            into.append(column if known.all() else column[known])
    unknown.refuse()
    query_rows, passage_rows, scores = (_joined(column) for column in columns)
    if not len(scores) and not left_out:
        raise WrankError(f"{place}: no pair in it; wanted query, passage and grade or score")
    if not len(scores):
        raise WrankError(f"{place}: none of its {left_out} pairs has a known query and passage: wrong collection?")
    return Gathered(query_rows, passage_rows, scores, left_out)


def _looked_up(blocks: Blocks, queries: Table, passages: Table) -> Iterator[tuple[PairBlock, np.ndarray, np.ndarray]]:
    for block in blocks():
        query_rows = rows_of_ids(queries, block.query_ids).astype(np.int32)
        yield block, query_rows, rows_of_ids(passages, block.passage_ids).astype(np.int32)


def _joined(column: list[np.ndarray]) -> np.ndarray:
    """The parts as one array; they are let go of."""
    whole = np.concatenate(column) if column else np.empty(0)
    column.clear()
    return whole


def _name_unknown(unknown: Unknown, block: PairBlock, query_rows: np.ndarray, passage_rows: np.ndarray) -> None:
    """Tells `unknown` of the first pair of each unknown id of a block."""
    places: set[int] = set()
    for ids, rows in ((block.query_ids, query_rows), (block.passage_ids, passage_rows)):
        wrong = np.flatnonzero(rows < 0)
        _, first = np.unique(ids.indices.to_numpy()[wrong], return_index=True)
        places.update(wrong[first].tolist())
    for place in sorted(places):
        query_id, passage_id = block.query_ids[place].as_py(), block.passage_ids[place].as_py()
        unknown.check(int(block.numbers[place]), query_id, passage_id)


def two_scores(place: str, blocks: Blocks, queries: Table, passages: Table, conflict: Conflict) -> WrankError:
    """The error for a pair with two scores; reads the file again to find the lines. For arguments, see `gather`."""
    found: dict[int, tuple[int, str, str, float]] = {}
    start = 0
    for block, query_rows, passage_rows in _looked_up(blocks, queries, passages):
        kept = np.flatnonzero((query_rows >= 0) & (passage_rows >= 0))
        for index in (conflict.first, conflict.second):
            if start <= index < start + len(kept):
                row = int(kept[index - start])
                ids = block.query_ids[row].as_py(), block.passage_ids[row].as_py()
                found[index] = int(block.numbers[row]), *ids, float(block.scores[row])
        start += len(kept)
    first, (number, query_id, passage_id, score) = found[conflict.first], found[conflict.second]
    return WrankError(
        f"{place}:{number}: passage {passage_id!r} has {score:g} for query {query_id!r}, but {first[3]:g} in line "
        f"{first[0]}: keep one"
    )
