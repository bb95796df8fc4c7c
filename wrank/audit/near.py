"""Near-duplicate texts by MinHash, in time that grows with the number of texts.

Broder, "On the resemblance and containment of documents" (1997). The sketches are datasketch's. Its LSH table keeps
about 5 KB a text in Python sets (2 GB for 400,000 passages, measured); here the bands are columns of one array that is
sorted, 0.6 KB a text. Every pair that is reported was compared by its real shingles.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from wrank.generator.text import Text

PERMUTATIONS = 128
BANDS, BAND_SIZE = 25, 5  # a pair of Jaccard 0.6, 0.7, 0.8 becomes a candidate with probability 0.87, 0.99, 1.00
LOOKED_AT = 4  # candidates looked at in one bucket: many equal texts cost no more than others
_MIX = np.uint64(0x9E3779B97F4A7C15)

Shingles = NDArray[np.uint32]
_permutations = MinHash(PERMUTATIONS, seed=1).permutations


@lru_cache(maxsize=1_000_000)
def _word(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def shingles(text: Text, words: int) -> Shingles:
    """Hashes of a text's runs of `words` words (twice as many characters in a script without spaces), sorted.

    A text that is shorter is one run. Empty for a text without a word.
    """
    return windows(text.tokens, min(2 * words if text.is_unspaced else words, len(text.tokens)))


def windows(tokens: Sequence[str], length: int) -> Shingles:
    """Hashes of the runs of exactly `length` tokens, sorted, each once."""
    if not 0 < length <= len(tokens):
        return np.empty(0, dtype=np.uint32)
    hashes = np.fromiter(map(_word, tokens), dtype=np.uint64, count=len(tokens))
    count = len(tokens) - length + 1
    mixed = np.full(count, length, dtype=np.uint64)
    for place in range(length):
        mixed = (mixed ^ hashes[place : place + count]) * _MIX
        mixed ^= mixed >> np.uint64(29)
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def jaccard(a: Shingles, b: Shingles) -> float:
    """Size of the intersection over size of the union; 0 for two empty sets."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    union = len(a) + len(b) - both
    return both / union if union else 0.0


def band_keys(sets: Iterable[Shingles]) -> NDArray[np.uint64]:
    """The keys under which texts that resemble one another meet [texts, BANDS]; texts without shingles get none (0)."""
    keys = [_keys(one) for one in sets]
    return np.stack(keys) if keys else np.empty((0, BANDS), dtype=np.uint64)


def _keys(one: Shingles) -> NDArray[np.uint64]:
    if not len(one):
        return np.zeros(BANDS, dtype=np.uint64)
    sketch = MinHash(PERMUTATIONS, permutations=_permutations, scheme="affine32", hashfunc=int)
    sketch.update_batch(one.tolist())
    values = sketch.hashvalues[: BANDS * BAND_SIZE].astype(np.uint64).reshape(BANDS, BAND_SIZE)
    mixed = np.full(BANDS, 1, dtype=np.uint64)
    for column in range(BAND_SIZE):
        mixed = (mixed ^ values[:, column]) * _MIX
        mixed ^= mixed >> np.uint64(31)
    return mixed | np.uint64(1)


def candidates(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs (i < j) [pairs, 2] that share a bucket: each text with the first of its bucket and the one before it."""
    found: list[NDArray[np.int64]] = []
    for column in keys.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        same = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
        starts = np.concatenate([[True], ~same])
        first = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
        later = np.flatnonzero(same) + 1
        found.append(np.stack([order[later - 1], order[later]], axis=1))
        found.append(np.stack([first[later], order[later]], axis=1))
    pairs = np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(np.sort(pairs, axis=1), axis=0)


class Index:
    """Texts among which others are looked up.

    Args:
        sets: their shingles.
    """

    def __init__(self, sets: Iterable[Shingles]) -> None:
        keys = band_keys(sets)
        self._order = np.argsort(keys, axis=0, kind="stable")
        self._keys = np.take_along_axis(keys, self._order, axis=0)

    def lookup(self, sets: Sequence[Shingles]) -> Iterator[tuple[int, int]]:
        """Pairs (place in `sets`, place in the index) that share a bucket, each once."""
        keys = band_keys(sets)
        found: set[tuple[int, int]] = set()
        for band in range(BANDS):
            column, order = self._keys[:, band], self._order[:, band]
            left = np.searchsorted(column, keys[:, band], side="left")
            for step in range(LOOKED_AT):
                at = np.minimum(left + step, max(len(column) - 1, 0))
                hits = np.flatnonzero((left + step < len(column)) & (keys[:, band] != 0))
                hits = hits[column[at[hits]] == keys[hits, band]] if len(hits) else hits
                found.update((int(one), int(order[at[one]])) for one in hits)
        yield from sorted(found)
