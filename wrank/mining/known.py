"""What is known about a query before anything is mined for it.

Shapes: P positives of a query.
"""

from dataclasses import dataclass

import numpy as np

from wrank.data.collection import Collection


@dataclass(frozen=True, slots=True)
class Known:
    """One query's judged and excluded passages. Keys are those of texts, so equal texts are known together.

    Attributes:
        positive_rows: int64 [P], passages with a grade above 0 that have a text and are not excluded, ascending.
        positive_keys: int64 [P], keys of their texts.
        excluded_keys: int64, of excluded passages, and of the query's own passage where that is left out.
        judged_keys: int64, of all judged passages.
    """

    positive_rows: np.ndarray
    positive_keys: np.ndarray
    excluded_keys: np.ndarray
    judged_keys: np.ndarray


def known_of(collection: Collection, query_row: int, *, drop_self: bool = False) -> Known:
    """Reads what is known about a query.

    Args:
        collection: passages and judgements.
        query_row: row of a query.
        drop_self: whether a passage whose id is the query's counts as excluded.
    """
    passages = collection.passages
    keys = passages.keys
    query_id = collection.queries.id(query_row)
    excluded = list(collection.excluded.get(query_id, ())) if collection.excluded else []
    excluded_rows = passages.rows(excluded)
    if drop_self and (own := passages.find(collection.original_id(query_id))) is not None:
        excluded_rows.append(own)
    excluded_keys = _keys_of(keys, excluded_rows)
    rows, grades = collection.judgements.of_query(query_row)
    judged_keys = np.asarray(keys[rows], dtype=np.int64)
    relevant = (grades > 0) & ~np.isin(judged_keys, excluded_keys)
    relevant &= np.array([not passages.is_empty(row) for row in rows.tolist()], dtype=bool)
    positive_rows = np.sort(rows[relevant].astype(np.int64))
    return Known(positive_rows, _keys_of(keys, positive_rows), excluded_keys, judged_keys)


def _keys_of(keys: np.ndarray, rows: np.ndarray | list[int]) -> np.ndarray:
    return np.asarray(keys[np.asarray(rows, dtype=np.int64)], dtype=np.int64)
