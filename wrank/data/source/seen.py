"""Remembers which of many millions of keys came before, in 16 bytes a key; and rows that come once for each text."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wrank.data.table_writer import Block
from wrank.data.text_hash import hash64, hashes64


class Seen:
    """Keys with a value each, as few sorted arrays, each at least twice as long as the next."""

    def __init__(self) -> None:
        self._levels: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._levels)

    def add(self, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Takes keys in.

        Args:
            keys: uint64 [N], e.g. hashes of ids.
            values: uint64 [N], e.g. hashes of their texts.

        Returns:
            bool [N]: whether the key comes for the first time; int64: the places whose key came with another value.
        """
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        known = values[first]
        fresh = np.ones(len(distinct), dtype=bool)
        for there, their in self._levels:
            places = there.searchsorted(distinct).clip(max=len(there) - 1)
            hit = there[places] == distinct
            known[hit], fresh[hit] = their[places[hit]], False
        wrong = np.flatnonzero(values != known[inverse])
        new = np.zeros(len(keys), dtype=bool)
        new[first[fresh]] = True
        self._insert(distinct[fresh], known[fresh])
        return new, wrong

    def _insert(self, keys: np.ndarray, values: np.ndarray) -> None:
        while self._levels and len(self._levels[-1][0]) < 2 * len(keys):
            there, their = self._levels.pop()
            keys, values = np.concatenate([there, keys]), np.concatenate([their, values])
            order = np.argsort(keys, kind="stable")
            keys, values = keys[order], values[order]
        if len(keys):
            self._levels.append((keys, values))


def text_id(text: str) -> str:
    """The id of a text that has none: its hash, in 16 hexadecimal digits."""
    return f"{hash64(text.encode('utf-8')):016x}"


def ids_of(hashes: np.ndarray) -> pa.Array:
    """`text_id` of many hashes.

    Args:
        hashes: uint64 [N].
    """
    return pa.array([f"{value:016x}" for value in hashes.tolist()], pa.string())


def distinct_texts(columns: Iterable[pa.Array]) -> Iterator[Block]:
    """Each text once, in the order of coming, under its `text_id`.

    Args:
        columns: texts (string), without outer white space and nulls.
    """
    seen = Seen()
    for column in columns:
        texts = column.cast(pa.large_binary())
        hashes = hashes64(texts)
        new, _ = seen.add(hashes, hashes)
        if new.any():
            yield Block(ids_of(hashes[new]).cast(pa.large_binary()), pc.filter(texts, pa.array(new)))
