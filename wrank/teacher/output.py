"""Scored pairs and preferences as Parquet files, in row groups of about a million."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from wrank.files import atomic_writer
from wrank.teacher.pairs import PairList

GROUP = 1_000_000
"""Rows of a row group."""

PREFERENCES = "preferences.parquet"
SCORED = pa.schema([("query_id", pa.string()), ("passage_id", pa.string()), ("score", pa.float64())])
PREFERRED = pa.schema(
    [("query_id", pa.string()), ("first_id", pa.string()), ("second_id", pa.string()), ("p", pa.float64())]
)


def write_scores(path: Path, pairs: PairList, places: np.ndarray, scores_P: np.ndarray) -> None:
    """Writes query_id, passage_id and score, whole or not at all.

    Args:
        path: the file.
        pairs: P pairs.
        places: those that are written, in this order.
        scores_P: float64 [P].
    """
    with atomic_writer(path) as file, parquet.ParquetWriter(file, SCORED) as writer:
        for rows in _groups(places):
            ids = [_ids(pairs.collection.queries.ids, pairs.query_rows[rows])]
            ids.append(_ids(pairs.collection.passages.ids, pairs.passage_rows[rows]))
            writer.write_table(pa.table([*ids, pa.array(scores_P[rows])], schema=SCORED), GROUP)


def write_preferences(path: Path, pairs: PairList, first_M: np.ndarray, second_M: np.ndarray, p_M: np.ndarray) -> None:
    """Writes query_id, first_id, second_id and p (that the first is the better one), whole or not at all.

    Args:
        path: the file.
        pairs: P pairs.
        first_M: places among the pairs.
        second_M: likewise; of the same query.
        p_M: float64 [M], 0 to 1.
    """
    with atomic_writer(path) as file, parquet.ParquetWriter(file, PREFERRED) as writer:
        for rows in _groups(np.arange(len(first_M))):
            ids = [_ids(pairs.collection.queries.ids, pairs.query_rows[first_M[rows]])]
            ids += [_ids(pairs.collection.passages.ids, pairs.passage_rows[side[rows]]) for side in (first_M, second_M)]
            writer.write_table(pa.table([*ids, pa.array(p_M[rows])], schema=PREFERRED), GROUP)


def _groups(places: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(places), GROUP):
        yield places[start : start + GROUP]


def _ids(ids: Sequence[str], rows: np.ndarray) -> pa.Array:
    return pa.array([ids[row] for row in rows.tolist()], type=pa.string())
