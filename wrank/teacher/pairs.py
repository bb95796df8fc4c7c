"""What is scored: the judged pairs of a collection, and further pairs, list by list.

Shapes: P pairs, Q lists (one a query).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from wrank.data.collection import Collection
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_file
from wrank.teacher.base import Pair

PAIRS = "pairs.parquet"


@dataclass(frozen=True)
class PairList:
    """Pairs by query: judged queries first, in the collection's order, then those of the further pairs alone.

    Attributes:
        collection: what rows mean.
        query_rows: int64 [P].
        passage_rows: int64 [P]; of a query its judged ones first, in the order given.
        grades: float64 [P]; NaN where nothing was judged.
        offsets: int64 [Q + 1]: list i has the pairs offsets[i]:offsets[i + 1].
        repeated: further pairs that are judged, or came before: left out.
    """

    collection: Collection
    query_rows: np.ndarray
    passage_rows: np.ndarray
    grades: np.ndarray
    offsets: np.ndarray
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.query_rows)

    @property
    def lists(self) -> int:
        """Q."""
        return len(self.offsets) - 1

    def texts(self, places: np.ndarray) -> list[Pair]:
        """Query's and passage's text of the pairs at some places."""
        queries = self.collection.queries.texts(self.query_rows[places].tolist())
        return list(zip(queries, self.collection.passages.texts(self.passage_rows[places].tolist()), strict=True))

    def query_id(self, place: int) -> str:
        """The query's id of list `place`."""
        return self.collection.queries.id(int(self.query_rows[self.offsets[place]]))


def find_pairs_file(given: str) -> Path:
    """The file that ``pairs=...`` means: ``pairs.parquet`` in a folder, or a ``.parquet`` file.

    Raises:
        WrankError: there is none.
    """
    path = Path(given).expanduser()
    path = path / PAIRS if path.is_dir() else path
    if not path.is_file():
        raise WrankError(f"pairs={given}: no such file; wanted a folder with {PAIRS}, as `wrank mine` writes, or null")
    return path


def pairs_key(path: Path) -> str:
    """What names the content of further pairs."""
    return sha256_of_file(path)


def gather(collection: Collection, path: Path | None, more: tuple[np.ndarray, np.ndarray] | None = None) -> PairList:
    """All pairs that are scored.

    Args:
        collection: the split whose judged pairs are scored.
        path: further pairs: a Parquet file with the columns query_id and passage_id, or None.
        more: further pairs as rows of queries and of passages, where no file is given; or None.

    Raises:
        WrankError: nothing to score, a file that cannot be read, an id that the collection lacks.
    """
    judged = collection.judgements
    queries_P, passages_P = judged.pair_query_rows().astype(np.int64), judged.passage_rows.astype(np.int64)
    grades_P, repeated = np.asarray(judged.grades, dtype=np.float64), 0
    more = more if path is None else _read(path, collection)
    if more is not None:
        more_queries, more_passages = more
        queries_P, passages_P = np.concatenate([queries_P, more_queries]), np.concatenate([passages_P, more_passages])
        grades_P = np.concatenate([grades_P, np.full(len(more_queries), np.nan)])
        _, first = np.unique(queries_P * max(len(collection.passages), 1) + passages_P, return_index=True)
        kept, repeated = np.sort(first), len(queries_P) - len(first)
        queries_P, passages_P, grades_P = queries_P[kept], passages_P[kept], grades_P[kept]
    if not len(queries_P):
        raise WrankError(f"{collection.name}/{collection.split}: nothing is judged there, so there is nothing to score")
    rows, first, inverse = np.unique(queries_P, return_index=True, return_inverse=True)
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(rows))
    order = np.argsort(rank[inverse], kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rank[inverse], minlength=len(rows)))])
    return PairList(collection, queries_P[order], passages_P[order], grades_P[order], offsets, repeated)


def _read(path: Path, collection: Collection) -> tuple[np.ndarray, np.ndarray]:
    try:
        table = parquet.read_table(path, columns=["query_id", "passage_id"])
        ids = [table.column(name).cast(pa.large_string()).combine_chunks() for name in ("query_id", "passage_id")]
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise WrankError(f"{path}: wanted a Parquet file with the columns query_id and passage_id ({reason})") from None
    return _rows(path, "query", collection.queries, ids[0]), _rows(path, "passage", collection.passages, ids[1])


def _rows(path: Path, kind: str, table: Table, ids: pa.Array) -> np.ndarray:
    rows = table.find_many(ids)
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        raise WrankError(
            f"{path}: {len(unknown)} {kind} ids are not in the collection, e.g. {ids[int(unknown[0])].as_py()!r}: were "
            "the pairs made for another one?"
        )
    return np.asarray(rows, dtype=np.int64)
