"""BM25: ranks passages by the query's words that they hold.

score(q, d) = sum over the terms t of q of idf(t) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|))

with idf(t) = ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) for ``method=lucene``; tf counts t in d, n_t the passages with t,
|d| the terms of d. A term that comes twice in the query counts twice. k1 = 0.9 and b = 0.4 are Anserini's values for
passages. Robertson & Zaragoza 2009 (Foundations and Trends in IR 3:4); the variants: Kamphuis et al. 2020 (ECIR).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.mining.base import Miner, Ranking, Tools
from wrank.mining.index import open_index
from wrank.mining.terms import Terms, make_stem, need, stopword_list

METHODS = ("lucene", "robertson", "atire")
"""Variants in which a passage without a term of the query scores 0; those of bm25s that give it more are not here."""


class Bm25Miner(Miner):
    """Ranks by BM25; a passage that scores 0 (it shares no word with the query) is in no ranking.

    Args:
        k1: how slowly further occurrences of a word stop counting, from 0.
        b: how much a passage's length counts, 0 to 1.
        stemmer: Snowball algorithm, e.g. ``english``; None = words as they are.
        stopwords: language of the words left out, e.g. ``en``; None = none.
        method: ``lucene``, ``robertson`` or ``atire``.
        chunk: queries kept on disk together.

    Raises:
        WrankError: a value out of its range, a library that is missing.
    """

    name = "bm25"

    def __init__(
        self,
        k1: float = 0.9,
        b: float = 0.4,
        stemmer: str | None = "english",
        stopwords: str | None = "en",
        method: str = "lucene",
        chunk: int = 1024,
    ) -> None:
        super().__init__(chunk)
        _check_number("k1", k1, math.inf)
        _check_number("b", b, 1)
        if method not in METHODS:
            raise WrankError(f"miner.method is {method!r}; wanted one of {', '.join(METHODS)}")
        make_stem(stemmer), stopword_list(stopwords)
        self._settings: dict[str, Any] = {
            "k1": float(k1),
            "b": float(b),
            "stemmer": stemmer,
            "stopwords": stopwords,
            "method": method,
        }
        self._index: Any = None
        self._terms: Terms | None = None

    def identity(self) -> dict[str, Any]:
        """The settings of the formula and of the words."""
        return {"miner": self.name, **self._settings}

    def open(self, collection: Collection, tools: Tools) -> None:
        """Maps the index; builds it when it is missing."""
        made_by = need("bm25s", "bm25s").__version__
        key = sha256_of_json({"passages": collection.passages.key, "bm25s": made_by, **self._settings})[:16]
        folder = tools.folder / "bm25" / f"{collection.name}-{key}"
        self._index = open_index(collection.passages, folder, self._settings, tools.progress)
        self._terms = Terms(self._settings["stemmer"], self._settings["stopwords"], self._index.vocab_dict)

    def rank(self, collection: Collection, query_rows: np.ndarray, depth: int) -> Iterator[Ranking]:
        """See `Miner.rank`. Holds one score a passage."""
        for query_row in query_rows.tolist():
            rows, scores = best(self._scores(collection, query_row), depth)
            yield Ranking(query_row, rows, scores)

    def score_pairs(self, collection: Collection, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """See `Miner.score_pairs`. Adds what the index holds for the pair, in the order in which `rank` adds it."""
        data, indices, indptr = (self._index.scores[name] for name in ("data", "indices", "indptr"))
        scores = np.zeros(len(query_rows), dtype=np.float32)
        starts = np.flatnonzero(np.diff(query_rows, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(query_rows)], strict=True):
            wanted = passage_rows[start:end]
            for term in self._terms_of(collection, int(query_rows[start])):
                first, last = int(indptr[term]), int(indptr[term + 1])
                places = indices[first:last].searchsorted(wanted).clip(max=last - first - 1)
                held = indices[first:last][places] == wanted
                scores[start:end] += np.where(held, data[first:last][places], np.float32(0))
        return scores

    def _scores(self, collection: Collection, query_row: int) -> np.ndarray:
        terms = self._terms_of(collection, query_row)
        if not terms:
            return np.zeros(len(collection.passages), dtype=np.float32)
        scores: np.ndarray = self._index.get_scores_from_ids(terms)
        return scores

    def _terms_of(self, collection: Collection, query_row: int) -> list[int]:
        if self._terms is None:
            raise WrankError("Bm25Miner.open comes before rank: there is no index yet")
        return self._terms.of(collection.queries.text(query_row))


def best(scores_N: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows with the highest scores above 0, best first; of equal scores the lower row first.

    Args:
        scores_N: float32, none below 0.
        depth: rows wanted at most.

    Returns:
        Rows, int64, and their scores.
    """
    rows = np.flatnonzero(scores_N)
    scores = scores_N[rows]
    if len(rows) > depth:
        lowest = np.partition(scores, len(rows) - depth)[len(rows) - depth]
        above, equal = np.flatnonzero(scores > lowest), np.flatnonzero(scores == lowest)
        kept = np.concatenate([above, equal[: depth - len(above)]])  # rows rise within `equal`
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _check_number(name: str, value: Any, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isinf(value):
        limit = "from 0 up" if math.isinf(most) else f"from 0 to {most}"
        raise WrankError(f"miner.{name} is {value!r}; wanted a number {limit}")
