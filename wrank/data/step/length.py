"""Keeps the pairs whose passage or query has a length."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.take import check_whole
from wrank.data.table_base import Table
from wrank.errors import WrankError

Of = Literal["passage", "query"]
Unit = Literal["characters", "words"]

_TEXTS = 1 << 14  # in memory at once


class Length(Step):
    """Keeps the pairs whose text has `min` to `max` characters or words, both inclusive.

    Args:
        of: whose text: the ``passage``'s or the ``query``'s.
        unit: ``characters`` (code points, white space counts), or ``words`` (what white space separates).
        min: the smallest length kept; None = any.
        max: the largest; None = any. At least one of the two.

    Attributes:
        counts: ``too_short``, ``too_long``: pairs that were left out.

    Raises:
        WrankError: a value that cannot be used, no limit, or limits that no text can meet.
    """

    def __init__(self, of: Of, unit: Unit, min: int | None = None, max: int | None = None) -> None:
        if of not in get_args(Of):
            raise WrankError(f"Length of is {of!r}; wanted one of {', '.join(get_args(Of))}")
        if unit not in get_args(Unit):
            raise WrankError(f"Length unit is {unit!r}; wanted one of {', '.join(get_args(Unit))}")
        if min is None and max is None:
            raise WrankError("Length min and Length max are null; wanted at least one limit")
        self.of, self.unit = of, unit
        self.min = None if min is None else check_whole("Length min", min, 0)
        self.max = None if max is None else check_whole("Length max", max, 0)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise WrankError(f"Length min is {min}, above Length max, which is {max}; wanted min <= max")
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs with a text of the length; see `Step`."""
        passage = self.of == "passage"
        rows = pairs.passage_rows if passage else pairs.query_rows
        measure: Callable[[str], int] = len if self.unit == "characters" else _words
        lengths = _lengths(pairs.passages if passage else pairs.queries, rows, measure)
        short = np.zeros(len(pairs), dtype=bool) if self.min is None else lengths < self.min
        long = np.zeros(len(pairs), dtype=bool) if self.max is None else lengths > self.max
        self.counts = {"too_short": int(short.sum()), "too_long": int(long.sum())}
        return pairs.only(~(short | long))


def _words(text: str) -> int:
    return len(text.split())


def _lengths(table: Table, rows: np.ndarray, measure: Callable[[str], int]) -> np.ndarray:
    """int64 [P]: the length of each row's text; each text is read once, in the order of the table."""
    used = np.zeros(len(table), dtype=bool)
    used[rows] = True
    distinct = np.flatnonzero(used)
    lengths = np.zeros(len(table), dtype=np.int64)
    for at in range(0, len(distinct), _TEXTS):
        some = distinct[at : at + _TEXTS]
        lengths[some] = [measure(text) for text in table.texts(some.tolist())]
    return lengths[rows]
