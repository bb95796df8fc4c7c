"""The file of mined pairs: ``pairs.parquet``, one row a (query, passage)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wrank.files import atomic_writer

PAIRS = "pairs.parquet"
ROW_GROUP = 1_000_000
"""Pairs after which a row group ends, with the query they end in: groups do not depend on chunks of queries."""

SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("passage_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
    ]
)
"""``score`` is the miner's; ``rank`` is the place in its whole ranking, from 1, before anything was left out."""


class PairWriter:
    """Gathers pairs and writes them a row group at a time; made by `pair_writer`."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self.written = 0
        self._clear()

    def add(self, query_id: str, passage_ids: Sequence[str], scores: np.ndarray, ranks: np.ndarray) -> None:
        """Adds one query's pairs.

        Args:
            query_id: the query.
            passage_ids: best first.
            scores: one a passage.
            ranks: likewise, rising.
        """
        self._query_ids += [query_id] * len(passage_ids)
        self._passage_ids += passage_ids
        self._scores.append(np.asarray(scores, dtype=np.float64))
        self._ranks.append(np.asarray(ranks, dtype=np.int32))
        self.written += len(passage_ids)
        if len(self._query_ids) >= ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Writes what was gathered as a row group."""
        if self._query_ids:
            columns = [self._query_ids, self._passage_ids, np.concatenate(self._scores), np.concatenate(self._ranks)]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), row_group_size=2 * ROW_GROUP)
        self._clear()

    def _clear(self) -> None:
        self._query_ids: list[str] = []
        self._passage_ids: list[str] = []
        self._scores: list[np.ndarray] = []
        self._ranks: list[np.ndarray] = []


@contextmanager
def pair_writer(path: Path) -> Iterator[PairWriter]:
    """A file of pairs that appears when the block ends well, and not at all otherwise.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    with atomic_writer(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        pairs = PairWriter(writer)
        yield pairs
        pairs.flush()
