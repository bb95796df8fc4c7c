"""Preferences between two passages of one query, as numbers: built once on disk, mapped into memory.

Shapes: M preferences, Q queries that have one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wrank.data.cache import make_folder, remembered_sha256
from wrank.data.folder import FORMAT, build_once, finish, mapped, read_meta
from wrank.data.source.base import rows_of_ids
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_json

PREFERENCES = "preferences.parquet"
"""What `wrank score` writes into its folder."""

_COLUMNS = ("query_id", "first_id", "second_id", "p")
_KINDS = {"query_rows": "<i4", "offsets": "<i8", "first_rows": "<i4", "second_rows": "<i4", "p": "<f4"}
_ROWS = 1 << 17  # read at once
_WHAT = "table of preferences"


class PreferenceTable:
    """For each query: of which two passages the first is better, and how probably. Pickled as its folder.

    Args:
        folder: what `read` made.

    Attributes:
        query_rows: int32 [Q], ascending.
        offsets: int64 [Q + 1]: query i has the preferences ``offsets[i]:offsets[i + 1]``, in the file's order.
        first_rows: int32 [M], rows of the table of passages.
        second_rows: likewise.
        p: float32 [M], probability (0 to 1) that the first is the better one.

    Raises:
        WrankError: no table there, another format, or a file of the wrong size.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        read_meta(self.folder, _WHAT)
        columns = {name: mapped(self.folder / f"{name}.bin", kind) for name, kind in _KINDS.items()}
        self.query_rows, self.offsets = columns["query_rows"], columns["offsets"]
        self.first_rows, self.second_rows, self.p = columns["first_rows"], columns["second_rows"], columns["p"]

    @classmethod
    def read(cls, path: Path, queries: Table, passages: Table, cache: Path) -> "PreferenceTable":
        """Reads a Parquet file with the columns query_id, first_id, second_id and p; maps what was read before.

        Args:
            path: the file.
            queries: what query ids mean.
            passages: what passage ids mean.
            cache: folder in which arrays are built once, keyed by content.

        Raises:
            WrankError: a file that cannot be read, an unknown id, one passage twice, or a p outside 0 to 1.
        """
        make_folder(cache)
        key = sha256_of_json([FORMAT, "preferences", remembered_sha256(path, cache), queries.key, passages.key])[:32]
        folder = Path(cache) / "preferences" / key
        build_once(folder, lambda partial: _write(partial, path, queries, passages))
        return cls(folder)

    def __reduce__(self) -> tuple[type["PreferenceTable"], tuple[Path]]:
        return PreferenceTable, (self.folder,)

    def __len__(self) -> int:
        return len(self.p)

    def of_query(self, query_row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the first and of the second passages, and p, of one query; empty when it has none."""
        place = int(self.query_rows.searchsorted(np.int32(query_row)))
        known = place < len(self.query_rows) and self.query_rows[place] == query_row
        span = slice(int(self.offsets[place]), int(self.offsets[place + 1])) if known else slice(0, 0)
        return self.first_rows[span], self.second_rows[span], self.p[span]


def _write(folder: Path, path: Path, queries: Table, passages: Table) -> None:
    found = list(_blocks(path, queries, passages))
    query_rows, first, second, p = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(query_rows, kind="stable")
    rows, starts = np.unique(query_rows[order], return_index=True)
    columns = {
        "query_rows": rows,
        "offsets": np.append(starts, len(order)),
        "first_rows": first[order],
        "second_rows": second[order],
        "p": p[order],
    }
    for name, kind in _KINDS.items():
        columns[name].astype(kind).tofile(folder / f"{name}.bin")
    finish(folder, {})


def _blocks(path: Path, queries: Table, passages: Table) -> Iterator[tuple[np.ndarray, ...]]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if missing := [name for name in _COLUMNS if name not in file.schema_arrow.names]:
                there = ", ".join(file.schema_arrow.names)
                raise WrankError(f"{path}: no column {missing[0]!r}; wanted {', '.join(_COLUMNS)}; there are {there}")
            if not file.metadata.num_rows:
                raise WrankError(f"{path}: no preference in it: `wrank score ... preferences.pairs=all` makes them")
            row = 1
            for batch in file.iter_batches(_ROWS, columns=list(_COLUMNS), use_threads=False):
                yield _checked(path, row, batch, queries, passages)
                row += len(batch)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WrankError(f"{path}: not a whole Parquet file ({reason}): fetch or write it again") from None


def _checked(path: Path, row: int, batch: Any, queries: Table, passages: Table) -> tuple[np.ndarray, ...]:
    """Query rows, rows of both passages, and p of a batch that begins at `row`, from 1."""
    rows = []
    for name, table in zip(_COLUMNS[:3], (queries, passages, passages), strict=True):
        found = rows_of_ids(table, batch.column(name).cast(pa.string()).dictionary_encode())
        if len(wrong := np.flatnonzero(found < 0)):
            id = batch.column(name)[int(wrong[0])].as_py()
            kind = "query" if table is queries else "passage"
            raise WrankError(
                f"{path}:{row + wrong[0]}: no {kind} {id!r} in the collection: were the preferences made for another?"
            )
        rows.append(found)
    p = batch.column("p").cast(pa.float64()).to_numpy(zero_copy_only=False)
    if len(wrong := np.flatnonzero(~((p >= 0) & (p <= 1)))):
        raise WrankError(f"{path}:{row + wrong[0]}: p is {p[wrong[0]]}; wanted a probability, 0 to 1")
    if len(wrong := np.flatnonzero(rows[1] == rows[2])):
        id = batch.column("first_id")[int(wrong[0])].as_py()
        raise WrankError(f"{path}:{row + wrong[0]}: passage {id!r} is preferred to itself: remove that row")
    return (*rows, p)
