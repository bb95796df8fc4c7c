"""Several tables of texts as one, without a copy: a generated collection beside the real one it was written for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

from wrank.data.folder import FORMAT
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_json, short


class UnionTable(Table):
    """The rows of the first table, then those of the next that are not in one before, and so on.

    Args:
        tables: one or more.
        what: what a row is, for messages: passage, query.
        names: what the tables are called in messages; None = their keys.

    Raises:
        WrankError: one id with two texts.
    """

    def __init__(self, tables: Sequence[Table], what: str = "passage", names: Sequence[str] | None = None) -> None:
        self.tables, self.what = list(tables), what
        self._names = {table.key: name for table, name in zip(self.tables, names or (), strict=False)}
        self._kept: list[np.ndarray | None] = []  # rows of each table that are not in one before; None = all of them
        self._rows: list[np.ndarray | None] = []  # of each table's rows, the row here; None = offset + row
        self._starts = [0]
        for number, table in enumerate(self.tables):
            earlier = self._find_earlier(number, table)
            new = earlier < 0
            start = self._starts[-1]
            if new.all():
                self._kept.append(None)
                self._rows.append(None)
            else:
                kept = np.flatnonzero(new).astype(np.int32)
                earlier[kept] = start + np.arange(len(kept))
                self._kept.append(kept)
                self._rows.append(earlier.astype(np.int32))
            self._starts.append(start + int(new.sum()))
        self.key = sha256_of_json([FORMAT, "union", *[table.key for table in self.tables]])[:32]
        self.meta = {
            "rows": self._starts[-1],
            "empty_texts": len(self.empty_rows()),
            "duplicate_texts": sum(table.meta["duplicate_texts"] for table in self.tables),
        }

    def rows_of(self, number: int, rows: np.ndarray) -> np.ndarray:
        """The rows here of rows of one of the tables.

        Args:
            number: of the table, from 0.
            rows: its rows, of any shape.
        """
        mapping = self._rows[number]
        return np.asarray(rows) + self._starts[number] if mapping is None else mapping[rows]

    @property
    def ids(self) -> Sequence[str]:
        """All ids by row, decoded when asked for."""
        return _Rows(self, "ids")

    @property
    def all_texts(self) -> Sequence[str]:
        """All texts by row, decoded when asked for."""
        return _Rows(self, "all_texts")

    @property
    def keys(self) -> Any:
        """int64 key of each row's text; see `Table.keys`."""
        return _Keys(self)

    def find(self, id: str) -> int | None:
        """The row of an id, or None."""
        for number, table in enumerate(self.tables):
            if (row := table.find(id)) is not None:
                return int(self.rows_of(number, np.array(row)))
        return None

    def find_many(self, ids: Any) -> np.ndarray:
        """The rows of many ids at once; see `Table.find_many`."""
        return self._find_in(len(self.tables), ids)

    def is_empty(self, row: int) -> bool:
        """Whether a row's text holds nothing."""
        table, there = self.locate(row)
        return table.is_empty(there)

    def empty_rows(self) -> np.ndarray:
        """int64: the rows whose text holds nothing, ascending."""
        found = [self.rows_of(number, table.empty_rows()) for number, table in enumerate(self.tables)]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def locate(self, row: int) -> tuple[Table, int]:
        """The table that holds a row, and the row there.

        Raises:
            IndexError: no such row.
        """
        if not 0 <= row < self._starts[-1]:
            raise IndexError(f"row {row} of {self._starts[-1]}")
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        there, kept = row - self._starts[number], self._kept[number]
        return self.tables[number], there if kept is None else int(kept[there])

    def keys_of(self, rows: np.ndarray) -> np.ndarray:
        """The keys of many rows at once, int64 of the same shape."""
        keys = np.zeros(rows.shape, dtype=np.int64)
        for table, start, end, kept in zip(self.tables, self._starts, self._starts[1:], self._kept, strict=False):
            here = (rows >= start) & (rows < end)
            local = rows[here] - start
            keys[here] = table.keys[local if kept is None else kept[local]]
        return keys

    def _find_in(self, tables: int, ids: Any) -> np.ndarray:
        rows = np.full(len(ids), -1, dtype=np.int64)
        for number in range(tables):
            found = self.tables[number].find_many(ids)
            hit = (found >= 0) & (rows < 0)
            rows[hit] = self.rows_of(number, found[hit])
        return rows

    def _find_earlier(self, number: int, table: Table) -> np.ndarray:
        """int64: for each row of a table its row among the tables before it, or -1."""
        rows = np.full(len(table), -1, dtype=np.int64)
        if number == 0:
            return rows
        step = 1 << 18  # ids at a time, so that memory stays small
        for start in range(0, len(table), step):
            ids = pa.array(table.ids[start : start + step], pa.large_string())
            rows[start : start + step] = self._find_in(number, ids)
        shared = np.flatnonzero(rows >= 0)
        differing = shared[self.keys[rows[shared]] != table.keys[shared]]
        if len(differing):
            row = int(differing[0])
            there, place = self.locate(int(rows[row]))
            names = [self._names.get(one.key, one.key) for one in (there, table)]
            texts = [short(one.text(at)) for one, at in ((there, place), (table, row))]
            raise WrankError(
                f"{self.what} {table.id(row)!r} has one text in {names[0]} ({texts[0]!r}) and another in {names[1]} "
                f"({texts[1]!r}): they do not belong together; give one of them other ids"
            )
        return rows


def one_table(tables: Mapping[str, Table], what: str) -> Table:
    """The tables as one; a table that comes again counts once.

    Args:
        tables: name, for messages -> table.
        what: what a row is: passage, query.
    """
    distinct = {table.key: (name, table) for name, table in tables.items()}
    names, kept = zip(*distinct.values(), strict=True)
    return kept[0] if len(kept) == 1 else UnionTable(kept, what, names)


def rows_in(whole: Table, part: Table, rows: np.ndarray) -> np.ndarray:
    """A part's rows as rows of the whole."""
    if whole is part or not isinstance(whole, UnionTable):
        return np.asarray(rows)
    number = [table.key for table in whole.tables].index(part.key)
    return whole.rows_of(number, rows)


class _Rows(Sequence[str]):
    def __init__(self, union: UnionTable, column: str) -> None:
        self._union, self._column = union, column

    def __len__(self) -> int:
        return len(self._union)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        table, row = self._union.locate(index + len(self) if index < 0 else index)
        column: Sequence[str] = getattr(table, self._column)
        return column[row]

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))


class _Keys:
    """The keys of all tables, indexed by a row or by an array of rows."""

    def __init__(self, union: UnionTable) -> None:
        self._union = union

    def __getitem__(self, rows: Any) -> Any:
        if np.ndim(rows):
            return self._union.keys_of(np.asarray(rows))
        table, row = self._union.locate(int(rows))
        return table.keys[row]
