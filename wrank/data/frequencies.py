"""How often each query was asked: read from a file, or made up for a dry run."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import read_lines, sha256_of_file, short

UNIFORM, ZIPF = "uniform", "zipf"
_MOST = 1000  # the highest made-up frequency


class Frequencies:
    """Query id -> frequency.

    Args:
        given: a file with ``query-id<TAB>count`` a line, where a query that is not in it has frequency 0; ``uniform``:
            1 each; or, for dry runs, ``zipf``: 1000 / rank, the rank (1 to 1000) by a hash of the id.
        key: the configuration key, for messages.

    Raises:
        WrankError: no such file or word, a line that does not fit, an id that comes twice, no line.
    """

    def __init__(self, given: str, key: str) -> None:
        if not isinstance(given, str) or not given.strip():
            raise WrankError(
                f"{key} is {given!r}; wanted a file with query-id<TAB>count a line, {UNIFORM} or {ZIPF} (made up)"
            )
        self.word = given if given in (UNIFORM, ZIPF) else None
        self.path = None if self.word else Path(given).expanduser()
        self._counts = {} if self.path is None else _read_counts(self.path)

    def of(self, queries: Table, query_rows: np.ndarray, prefixes: Sequence[str] = ()) -> np.ndarray:
        """Frequencies, float64 [Q].

        Args:
            queries: what query rows mean.
            query_rows: [Q].
            prefixes: an id that begins with one of them has the frequency of the rest of the id.
        """
        if self.word == UNIFORM:
            return np.ones(len(query_rows))
        if self.word == ZIPF:
            ids = queries.ids
            return np.array([_made_up(_stripped(ids[row], prefixes)) for row in query_rows.tolist()], dtype=np.float64)
        by_row, counts = np.zeros(len(queries)), np.array(list(self._counts.values()))
        for prefix in ("", *prefixes):
            rows = queries.find_many([f"{prefix}{id}" for id in self._counts])
            by_row[rows[rows >= 0]] = counts[rows >= 0]
        return np.asarray(by_row[query_rows])

    def unknown(self, queries: Table) -> list[str]:
        """The ids of the file that are no query's."""
        ids = list(self._counts)
        return [ids[place] for place in np.flatnonzero(queries.find_many(ids) < 0).tolist()] if ids else []

    def __len__(self) -> int:
        """How many ids the file has; 0 for a word."""
        return len(self._counts)

    def identity(self) -> str:
        """Names the frequencies: the word, or the file's SHA-256."""
        return self.word or sha256_of_file(self.path or Path())


def _stripped(id: str, prefixes: Sequence[str]) -> str:
    return next((id.removeprefix(prefix) for prefix in prefixes if id.startswith(prefix)), id)


def _made_up(id: str) -> float:
    digest = hashlib.blake2b(id.encode(), digest_size=8).digest()
    return _MOST / (1 + int.from_bytes(digest, "little") % _MOST)


def _read_counts(path: Path) -> dict[str, float]:
    counts: dict[str, float] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        cells = line.split("\t")
        try:
            count = float(cells[1]) if len(cells) == 2 and cells[0] else math.nan
        except ValueError:
            count = math.nan
        if not math.isfinite(count) or count < 0:
            raise WrankError(f"{path}:{number}: wanted query-id<TAB>count with a count of 0 or more ({short(line)})")
        if cells[0] in counts:
            raise WrankError(f"{path}:{number}: query {cells[0]!r} comes twice")
        counts[cells[0]] = count
    if not counts:
        raise WrankError(f"{path}: empty; wanted query-id<TAB>count lines")
    return counts
