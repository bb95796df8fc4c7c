"""The BM25 index of a table of passages: a folder that is built once and mapped into memory.

bm25s scores every (passage, term) pair when the index is built (Lù 2024, arXiv 2407.03618), so ranking adds numbers.
The folder holds its arrays as ``.npy`` and its settings and terms as JSON; nothing in it is pickled.

Shapes: N passages, W words in all of them.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.folder import build_once, finish, read_meta
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.mining.base import Progress
from wrank.mining.terms import Terms, need

_TEXTS_AT_ONCE = 16_384
_WORDS = "words.bin"


def open_index(table: Table, folder: Path, settings: dict[str, Any], progress: Progress) -> Any:
    """Maps the index of a table, after building it when it is missing.

    Building holds about 40 bytes for each different term of each passage, and the terms themselves; the texts are
    read once, and their words wait on disk.

    Args:
        table: the passages.
        folder: where; its name must follow from the table's key and the settings.
        settings: ``k1``, ``b``, ``method``, ``stemmer``, ``stopwords``.
        progress: shows a bar while the texts are read.

    Returns:
        A ``bm25s.BM25`` whose arrays are mapped, read-only.

    Raises:
        WrankError: bm25s is missing, no passage holds a term, a full disk, a damaged folder.
    """
    library = need("bm25s", "bm25s")
    build_once(folder, lambda partial: _build(library, table, partial, settings, progress))
    read_meta(folder, "BM25 index")
    index = library.BM25.load(folder, mmap=True, allow_pickle=False, load_corpus=False, show_progress=False)
    for name in ("data", "indices", "indptr"):  # a memmap's own indexing is several times slower
        index.scores[name] = np.asarray(index.scores[name])
    return index


def _build(library: Any, table: Table, folder: Path, settings: dict[str, Any], progress: Progress) -> None:
    words = _Words(table, folder / _WORDS, Terms(settings["stemmer"], settings["stopwords"]), progress)
    if not words.vocab:
        raise WrankError(f"{table.key}: no passage holds a term, so BM25 has nothing to rank by: use miner=dense")
    index = library.BM25(
        k1=settings["k1"], b=settings["b"], method=settings["method"], backend="numpy", csc_backend="numpy"
    )
    index.index(words, create_empty_token=False, show_progress=False)
    index.save(folder, allow_pickle=False, show_progress=False)
    (folder / _WORDS).unlink()
    finish(folder, {"settings": settings, "passages": len(table), "terms": len(words.vocab)})


class _Words:
    """The terms of all passages as numbers, on disk: what bm25s indexes, a passage at a time.

    Attributes:
        ids: N lists of numbers, read when iterated.
        vocab: term -> number.
    """

    def __init__(self, table: Table, path: Path, terms: Terms, progress: Progress) -> None:
        sizes = np.empty(len(table), dtype=np.int64)
        texts = table.all_texts
        with path.open("wb") as file, progress("indexing", len(table), "passages") as advance:
            for start in range(0, len(table), _TEXTS_AT_ONCE):
                numbers = [terms.of(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
                sizes[start : start + len(numbers)] = [len(each) for each in numbers]
                file.write(np.array([number for each in numbers for number in each], dtype="<i4").tobytes())
                advance(len(numbers))
        self.vocab = terms.numbers
        self.ids = _Lists(path, np.concatenate([[0], np.cumsum(sizes)]))


class _Lists:
    """N lists of whole numbers in a file, one after another."""

    def __init__(self, path: Path, offsets: np.ndarray) -> None:
        self._path, self._offsets = path, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[list[int]]:
        with self._path.open("rb") as file:
            for start in range(0, len(self), _TEXTS_AT_ONCE):
                ends = self._offsets[start : start + _TEXTS_AT_ONCE + 1]
                numbers = np.frombuffer(file.read(4 * int(ends[-1] - ends[0])), dtype="<i4").tolist()
                places = (ends - ends[0]).tolist()
                for first, last in pairwise(places):
                    yield numbers[first:last]
