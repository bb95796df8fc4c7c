"""Several kinds of labels for the same queries, each with lists of its own: one loss a kind, summed by their weights.

A query that has labels of a second kind comes again under an id with the objective's name before it (``llm:q1``), with
the same text. What is known of it under one id is known under all: no list has a negative that any of them judges.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.folder import FORMAT
from wrank.data.table import TextTable
from wrank.data.table_base import Table
from wrank.data.union import one_table
from wrank.errors import WrankError
from wrank.files import sha256_of_json

_NAME = re.compile(r"[A-Za-z0-9_]{1,40}\Z")


class Objectives:
    """The ids under which queries come again.

    Args:
        queries: all queries, once.
        judged: objective -> rows of the queries that have labels of its kind, each once or more.
        cache: folder in which their table is built once, keyed by content.

    Attributes:
        queries: all queries, those that come again behind the others, whose rows stay as they are.

    Raises:
        WrankError: an id that is a query's already.
    """

    def __init__(self, queries: Table, judged: Mapping[str, np.ndarray], cache: Path) -> None:
        self._rows: dict[str, np.ndarray] = {}  # objective -> row of each query under its name, or -1
        self.queries, self._original = queries, np.arange(len(queries), dtype=np.int32)
        for name, query_rows in judged.items():
            rows = np.unique(query_rows)
            again = _table(queries, name, rows, cache)
            if (there := queries.find_many(again.ids)).max(initial=-1) >= 0:
                id = queries.id(int(there.max()))
                raise WrankError(f"objective {name!r}: there is a query {id!r} already; choose another name")
            whole = one_table({"the queries": self.queries, name: again}, "query")  # no objective has such a name
            self._rows[name] = np.full(len(queries), -1, dtype=np.int32)
            self._rows[name][rows] = len(self.queries) + np.arange(len(rows))
            self.queries, self._original = whole, np.concatenate([self._original, rows.astype(np.int32)])

    @property
    def prefixes(self) -> list[str]:
        """What stands before the ids."""
        return [prefix_of(name) for name in self._rows]

    def rows(self, name: str | None, query_rows: np.ndarray) -> np.ndarray:
        """The rows of queries under an objective's name; None: as they are."""
        return query_rows if name is None else self._rows[name][query_rows]

    def original(self, query_rows: np.ndarray) -> np.ndarray:
        """The rows of queries under their own ids."""
        return self._original[query_rows]

    def spread(self, query_rows: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        """Pairs, and again under each further name of their queries.

        Args:
            query_rows: [P].
            columns: [P] each; what else is known of the pairs.
        """
        found = [(query_rows, *columns)]
        for again in self._rows.values():
            there = again[query_rows] >= 0
            found.append((again[query_rows][there], *(column[there] for column in columns)))
        return tuple(np.concatenate(some) for some in zip(*found, strict=True))

    def excluded(self, excluded: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Query id -> excluded passages, and again under each further name."""
        ids = {f"{prefix}{id}": passages for prefix in self.prefixes for id, passages in excluded.items()}
        return dict(excluded) | {id: passages for id, passages in ids.items() if id in self.queries}


def check_objective(key: str, value: Any) -> str:
    """The name of an objective that came as a setting.

    Raises:
        WrankError: no word of 1 to 40 letters, digits and underscores.
    """
    if not isinstance(value, str) or not _NAME.match(value):
        raise WrankError(f"{key} is {value!r}; wanted a word of letters, digits and underscores, e.g. llm, or null")
    return value


def prefix_of(objective: str) -> str:
    """What stands before a query's id."""
    return f"{objective}:"


def _table(queries: Table, name: str, rows: Sequence[int] | np.ndarray, cache: Path) -> TextTable:
    listed = [int(row) for row in rows]
    key = sha256_of_json([FORMAT, "objective", name, queries.key, listed])[:32]
    folder = cache / "tables" / key
    if TextTable.is_built(folder):
        return TextTable(folder)
    return TextTable.build(((prefix_of(name) + queries.id(row), queries.text(row)) for row in listed), folder)
