"""Graded pairs of query and passage as numbers, by query: on disk and mapped into memory, or in memory.

Shapes: Q queries with a pair, P pairs. Query i (in the order of their first pair) has the pairs
``offsets[i]:offsets[i + 1]``, in the order they were given.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.folder import META, build_once, finish, mapped, read_meta
from wrank.data.table_base import Table

_KINDS = {
    "query_rows": "<i4",
    "offsets": "<i8",
    "passage_rows": "<i4",
    "grades": "<f8",
    "sorted_rows": "<i4",  # the query rows, ascending, and the place of each
    "places": "<i4",
}


class Conflict(Exception):
    """A pair was given two grades.

    Attributes:
        first: place among the pairs as given.
        second: likewise.
    """

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"pairs {first} and {second} are one pair with two grades")
        self.first, self.second = first, second


class Judgements(Mapping[str, Mapping[str, float]]):
    """Query id -> passage id -> grade, made of arrays; a dictionary of one query is made when it is asked for.

    Args:
        queries: what query rows mean.
        passages: what passage rows mean.
        columns: the arrays of `grouped`.
        notes: counts.
        folder: where the arrays are mapped from, or None.

    Attributes:
        query_rows: int32 [Q].
        offsets: int64 [Q + 1].
        passage_rows: int32 [P].
        grades: float64 [P].
        extra: further columns [P], by name.
    """

    def __init__(
        self,
        queries: Table,
        passages: Table,
        columns: Mapping[str, np.ndarray],
        notes: Mapping[str, int] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.queries, self.passages, self.notes, self.folder = queries, passages, dict(notes or {}), folder
        self.query_rows, self.offsets = columns["query_rows"], columns["offsets"]
        self.passage_rows, self.grades = columns["passage_rows"], columns["grades"]
        self._sorted_rows, self._places = columns["sorted_rows"], columns["places"]
        self._columns = columns
        self.extra = {name: column for name, column in columns.items() if name not in _KINDS}

    @classmethod
    def of_pairs(
        cls, queries: Table, passages: Table, query_rows: np.ndarray, passage_rows: np.ndarray, grades: np.ndarray
    ) -> "Judgements":
        """In memory, of P pairs in any order; a pair given twice with one grade counts once (note ``repeated``).

        Raises:
            Conflict: a pair with two grades.
        """
        columns, repeated = grouped(query_rows, passage_rows, grades)
        return cls(queries, passages, columns, {"repeated_judgements": repeated})

    @classmethod
    def of_mapping(cls, queries: Table, passages: Table, qrels: Mapping[str, Mapping[str, float]]) -> "Judgements":
        """In memory, of dictionaries.

        Raises:
            WrankError: an id that is in no table.
        """
        pairs = [(query_id, passage_id) for query_id, grades in qrels.items() for passage_id in grades]
        query_rows = np.array([queries.row(query_id) for query_id, _ in pairs], dtype=np.int64)
        passage_rows = np.array(passages.rows(passage_id for _, passage_id in pairs), dtype=np.int64)
        grades = np.array([grade for judged in qrels.values() for grade in judged.values()], dtype=np.float64)
        return cls.of_pairs(queries, passages, query_rows, passage_rows, grades)

    @classmethod
    def build(cls, folder: Path, queries: Table, passages: Table, pairs: Any) -> "Judgements":
        """Writes the arrays into a folder, once (`wrank.data.folder.build_once`), and maps them.

        Args:
            folder: where.
            queries: what query rows mean.
            passages: what passage rows mean.
            pairs: called when there is no such folder; returns query rows, passage rows, grades, each [P], and, if
                wanted, further columns by name, and counts by name.

        Raises:
            Conflict: a pair with two grades.
            WrankError: a full disk, and what `pairs` raises.
        """

        def write(partial: Path) -> None:
            query_rows, passage_rows, grades, *more = pairs()
            extra, notes = (*more, {}, {})[:2]
            columns, repeated = grouped(query_rows, passage_rows, grades, extra)
            kinds = {name: _KINDS.get(name, column.dtype.newbyteorder("<").str) for name, column in columns.items()}
            for name, kind in kinds.items():
                columns[name].astype(kind).tofile(partial / f"{name}.bin")
            finish(partial, {"notes": {"repeated_judgements": repeated, **notes}, "kinds": kinds})

        build_once(folder, write)
        return cls.open(folder, queries, passages)

    @classmethod
    def open(cls, folder: Path, queries: Table, passages: Table) -> "Judgements":
        """Maps what `build` made.

        Raises:
            WrankError: nothing there, another format, or a file of the wrong size.
        """
        meta = read_meta(folder, "table of judgements")
        columns = {name: mapped(folder / f"{name}.bin", kind) for name, kind in meta["kinds"].items()}
        return cls(queries, passages, columns, meta["notes"], folder)

    @staticmethod
    def is_built(folder: Path) -> bool:
        """Whether a whole table is there."""
        return (folder / META).is_file()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.folder is not None:
            return Judgements.open, (self.folder, self.queries, self.passages)
        return Judgements, (self.queries, self.passages, self._columns, self.notes)

    def __len__(self) -> int:
        return len(self.query_rows)

    def __iter__(self) -> Iterator[str]:
        ids = self.queries.ids
        return (ids[int(row)] for row in self.query_rows)

    def __contains__(self, query_id: object) -> bool:
        return isinstance(query_id, str) and self._place(query_id) is not None

    def __getitem__(self, query_id: str) -> dict[str, float]:
        place = self._place(query_id)
        if place is None:
            raise KeyError(query_id)
        rows, grades = self.at(place)
        ids = self.passages.ids
        return {ids[row]: grade for row, grade in zip(rows.tolist(), grades.tolist(), strict=True)}

    def at(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Passage rows and grades of the query at a place (0 to Q - 1)."""
        span = self.span(place)
        return self.passage_rows[span], self.grades[span]

    def span(self, place: int) -> slice:
        """Where the pairs of the query at a place are in every column [P]."""
        return slice(int(self.offsets[place]), int(self.offsets[place + 1]))

    def of_query(self, query_row: int) -> tuple[np.ndarray, np.ndarray]:
        """Passage rows and grades of a query; none when it has no pair."""
        place = self.place_of(query_row)
        return (self.passage_rows[:0], self.grades[:0]) if place is None else self.at(place)

    def place_of(self, query_row: int) -> int | None:
        """The place (0 to Q - 1) of a query, or None."""
        found = int(self._sorted_rows.searchsorted(np.int32(query_row)))  # of another type, the array would be copied
        return int(self._places[found]) if found < len(self) and self._sorted_rows[found] == query_row else None

    def places_of(self, query_rows: np.ndarray) -> np.ndarray:
        """The places of queries, int64; -1 for one without a pair."""
        if not len(self):
            return np.full(len(query_rows), -1, dtype=np.int64)
        found = self._sorted_rows.searchsorted(np.asarray(query_rows, dtype=np.int32)).clip(max=len(self) - 1)
        return np.where(self._sorted_rows[found] == query_rows, self._places[found], -1).astype(np.int64)

    def restricted_to(self, query_ids: Sequence[str]) -> "Judgements":
        """The pairs of some queries, in memory; queries without a pair are left out."""
        places = self.places_of(self.queries.find_many(list(query_ids)))
        return self.at_places(places[places >= 0])

    def at_places(self, places: np.ndarray) -> "Judgements":
        """The pairs of the queries at some places, in memory, in that order."""
        sizes = np.diff(self.offsets)[places]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        index = np.repeat(self.offsets[places] - ends[:-1], sizes) + np.arange(ends[-1])
        rows = self.query_rows[places]
        ascending = np.argsort(rows)
        columns = {
            "query_rows": rows,
            "offsets": ends,
            "passage_rows": self.passage_rows[index],
            "grades": self.grades[index],
            "sorted_rows": rows[ascending],
            "places": ascending.astype(np.int32),
            **{name: column[index] for name, column in self.extra.items()},
        }
        return Judgements(self.queries, self.passages, columns)

    def pair_query_rows(self) -> np.ndarray:
        """int32 [P]: the query row of each pair."""
        return np.repeat(self.query_rows, np.diff(self.offsets))

    def _place(self, query_id: str) -> int | None:
        row = self.queries.find(query_id)
        return None if row is None else self.place_of(row)


def grouped(
    query_rows: np.ndarray,
    passage_rows: np.ndarray,
    grades: np.ndarray,
    extra: Mapping[str, np.ndarray] | None = None,
) -> tuple[dict[str, np.ndarray], int]:
    """Pairs put together by query, queries in the order of their first pair, pairs in the order given.

    Args:
        query_rows: [P].
        passage_rows: [P].
        grades: [P].
        extra: further columns [P].

    Returns:
        The columns of `Judgements`, and how many pairs came again with the same grade (they are left out).

    Raises:
        Conflict: a pair with two grades.
    """
    query_rows, passage_rows = np.asarray(query_rows, dtype=np.int32), np.asarray(passage_rows, dtype=np.int32)
    grades = np.asarray(grades, dtype=np.float64)
    kept = _first_of_each(query_rows, passage_rows, grades)
    repeated = 0 if kept is None else len(query_rows) - len(kept)
    more = dict(extra or {})
    for order in (kept, by_query(query_rows if kept is None else query_rows[kept])):
        if order is not None:
            query_rows, passage_rows, grades = query_rows[order], passage_rows[order], grades[order]
            more = {name: column[order] for name, column in more.items()}
    starts = _starts(query_rows)
    rows = query_rows[starts]
    ascending = np.argsort(rows)
    return {
        "query_rows": rows,
        "offsets": np.append(starts, len(query_rows)).astype(np.int64),
        "passage_rows": passage_rows,
        "grades": grades,
        "sorted_rows": rows[ascending],
        "places": ascending.astype(np.int32),
        **more,
    }, repeated


def _starts(query_rows: np.ndarray) -> np.ndarray:
    """Where runs of one query begin."""
    return np.flatnonzero(np.diff(query_rows, prepend=-1))


def by_query(query_rows: np.ndarray) -> np.ndarray | None:
    """The order that puts pairs together by query, in the order of their first; None when they are together already."""
    rows = query_rows[_starts(query_rows)]
    if len(np.unique(rows)) == len(rows):
        return None
    distinct, first, inverse = np.unique(query_rows, return_index=True, return_inverse=True)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(distinct))
    return np.argsort(rank[inverse], kind="stable")


def _first_of_each(query_rows: np.ndarray, passage_rows: np.ndarray, grades: np.ndarray) -> np.ndarray | None:
    """The places of the pairs without those that come again; None when none does.

    Raises:
        Conflict: a pair with two grades.
    """
    pairs = query_rows.astype(np.int64) << 31 | passage_rows
    in_order = np.sort(pairs)
    if not (in_order[1:] == in_order[:-1]).any():  # the usual case, with little memory
        return None
    _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    if len(wrong := np.flatnonzero(grades != grades[first[inverse]])):
        raise Conflict(int(first[inverse[wrong[0]]]), int(wrong[0]))
    return np.sort(first)
