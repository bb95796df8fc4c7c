"""Keeps some of the queries."""

import hashlib
from pathlib import Path

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.data.step.take import check_whole
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import read_lines


class QuerySubset(Step):
    """Keeps the queries of a file, or some that look random and are the same whatever the queries' order.

    A query's place is its hash of (seed, id), as in `wrank.data.split.split_queries`: the first `count` or `share` of
    the queries that come in are those with the smallest hashes, so that of one seed the larger subset holds the smaller
    one, and with `exclude` two parts share no query.

    Args:
        ids: a file with one id a line (blank lines are skipped, an id that comes again counts once).
        count: how many queries.
        share: part of the queries, above 0, up to 1; rounded to whole queries, at least one. Exactly one of the three.
        seed: another seed, another subset; any whole number.
        exclude: keeps the others instead.

    Attributes:
        counts: ``queries_left_out``, and for a file ``ids_without_pairs``: those that no pair that comes in has.

    Raises:
        WrankError: none or several of the three, or a value that cannot be used.
    """

    def __init__(
        self,
        ids: str | None = None,
        count: int | None = None,
        share: float | None = None,
        seed: int = 0,
        exclude: bool = False,
    ) -> None:
        given = {"ids": ids, "count": count, "share": share}
        if len(named := [name for name, value in given.items() if value is not None]) != 1:
            raise WrankError(f"QuerySubset has {' and '.join(named) or 'no key'}; wanted one of ids, count and share")
        if ids is not None and (not isinstance(ids, str | Path) or not str(ids).strip()):
            raise WrankError(f"QuerySubset ids is {ids!r}; wanted the path of a file with one id a line")
        if share is not None and not 0 < check_number("QuerySubset share", share) <= 1:
            raise WrankError(f"QuerySubset share is {share!r}; wanted a share above 0, up to 1")
        if not isinstance(exclude, bool):
            raise WrankError(f"QuerySubset exclude is {exclude!r}; wanted true or false")
        self.ids = None if ids is None else Path(ids).expanduser()
        self.count = None if count is None else check_whole("QuerySubset count", count, 1)
        self.share, self.exclude = share, exclude
        self.seed = check_whole("QuerySubset seed", seed)
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs of the queries kept; see `Step`.

        Raises:
            WrankError: a file that cannot be read or holds no id, ids that are no query's, or fewer queries than
                `count`.
        """
        offsets = pairs.offsets()
        rows = pairs.query_rows[offsets[:-1]]
        self.counts = {}
        if self.ids is not None:
            wanted = self._rows_of_file(self.ids, pairs)
            self.counts["ids_without_pairs"] = int((~np.isin(wanted, rows)).sum())
            chosen = np.isin(rows, wanted)
        else:
            chosen = self._smallest(rows, pairs)
        kept = chosen ^ self.exclude
        self.counts["queries_left_out"] = int(len(kept) - kept.sum())
        return pairs.only(np.repeat(kept, np.diff(offsets)))

    def _rows_of_file(self, path: Path, pairs: Pairs) -> np.ndarray:
        ids = list(dict.fromkeys(line for _, line in read_lines(path) if line.strip()))
        if not ids:
            raise WrankError(f"QuerySubset ids: {path} holds no id; wanted one a line")
        rows = pairs.queries.find_many(ids)
        if len(unknown := np.flatnonzero(rows < 0)):
            some = ", ".join(repr(ids[place]) for place in unknown[:3].tolist())
            raise WrankError(
                f"{pairs.place}: QuerySubset ids: {len(unknown)} of the {len(ids)} ids in {path} are no query's, "
                f"e.g. {some}: take them out, or name the queries' own file"
            )
        return rows

    def _smallest(self, rows: np.ndarray, pairs: Pairs) -> np.ndarray:
        """Bool [Q]: whether a query is one of the wanted number with the smallest hashes."""
        count = max(round((self.share or 0) * len(rows)), 1) if self.count is None else self.count
        if count > len(rows) > 0:
            raise WrankError(f"{pairs.place}: QuerySubset count is {count}, but there are {len(rows)} queries")
        chosen = np.zeros(len(rows), dtype=bool)
        chosen[_by_hash(pairs.queries, rows, self.seed)[:count]] = True
        return chosen


def _by_hash(queries: Table, rows: np.ndarray, seed: int) -> list[int]:
    """The places of the rows, those with the smallest hashes first."""
    ids = queries.ids
    hashes = [hashlib.blake2b(f"{seed}\0{ids[row]}".encode()).digest() for row in rows.tolist()]
    return sorted(range(len(hashes)), key=hashes.__getitem__)
