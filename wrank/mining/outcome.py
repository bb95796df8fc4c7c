"""From rankings on disk to pairs on disk, and the counts of what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.mining.files import Ranked
from wrank.mining.filter import KEPT, REASONS, Sifted, sift
from wrank.mining.known import Known, known_of
from wrank.mining.pairs import PAIRS, PairWriter, pair_writer
from wrank.mining.settings import FilterSettings

QUERIES = "queries.txt"
EXAMPLES = 3
_COUNTED = ("queries", "inconsistent", "without_candidates", "ranked")


class Mining:
    """Filters rankings into a folder.

    Args:
        collection: passages and judgements.
        settings: what is kept.
        seed: of the random choice.
        drop_self: whether a passage whose id is the query's counts as excluded.
    """

    def __init__(self, collection: Collection, settings: FilterSettings, seed: int, *, drop_self: bool) -> None:
        self._collection, self._settings, self._seed, self._drop_self = collection, settings, seed, drop_self
        empty = np.zeros(len(collection.passages), dtype=bool)
        empty[collection.passages.empty_rows()] = True
        self._empty_N = empty
        self._left_out: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._consistent: list[str] = []
        self._examples: list[dict[str, Any]] = []

    def write(self, files: Iterable[Ranked], folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
        """Writes ``pairs.parquet``, and ``queries.txt`` when queries are checked for consistency.

        Args:
            files: the rankings of all queries.
            folder: where.
            progress: called with the number of queries just filtered.

        Returns:
            Counts for the manifest, and a few examples.

        Raises:
            WrankError: nothing is left, a relative margin of a negative score, a full disk.
        """
        with pair_writer(folder / PAIRS) as pairs:
            for ranked in files:
                self._add(ranked, pairs)
                progress(1)
            result: dict[str, Any] = {word: self._counts[word] for word in _COUNTED}
            result |= {"pairs": pairs.written, "left_out": {reason: self._left_out[reason] for reason in REASONS}}
            if not pairs.written:
                raise WrankError(f"mining: no pair is left; {_counts(result)}: loosen filter.*, or raise depth")
        if self._settings.consistency is not None:
            if broken := [query_id for query_id in self._consistent if "\n" in query_id]:
                raise WrankError(f"query id {broken[0]!r} holds a line end, so {QUERIES} cannot name it: mend the id")
            write_atomic(folder / QUERIES, "".join(f"{query_id}\n" for query_id in self._consistent))
        return result | {"examples": self._examples}

    def _add(self, ranked: Ranked, pairs: PairWriter) -> None:
        ranking, query_id = ranked.ranking, self._collection.queries.id(ranked.ranking.query_row)
        known = known_of(self._collection, ranking.query_row, drop_self=self._drop_self)
        sifted = self._sift(ranked, known, query_id)
        self._count(sifted, query_id)
        places = np.flatnonzero(sifted.codes == KEPT)
        if not len(places):
            return
        ids = self._collection.passages.ids
        passage_ids = [ids[row] for row in ranking.rows[places].tolist()]
        scores = ranking.scores[places]
        pairs.add(query_id, passage_ids, scores, places + 1)
        if len(self._examples) < EXAMPLES:
            best = int(np.argmax(ranked.positive_scores))
            self._examples.append(
                {
                    "query": query_id,
                    "positive": ids[int(known.positive_rows[best])],
                    "positive_score": float(ranked.positive_scores[best]),
                    "negative": passage_ids[0],
                    "score": float(scores[0]),
                    "rank": int(places[0]) + 1,
                }
            )

    def _sift(self, ranked: Ranked, known: Known, query_id: str) -> Sifted:
        rows = ranked.ranking.rows
        keys = np.asarray(self._collection.passages.keys[rows], dtype=np.int64)
        return sift(
            ranked.ranking.scores,
            keys,
            self._empty_N[rows],
            known,
            self._settings,
            reference=float(ranked.positive_scores.max()),
            seed=self._seed,
            query_id=query_id,
        )

    def _count(self, sifted: Sifted, query_id: str) -> None:
        codes = sifted.codes
        for code in np.unique(codes[codes != KEPT]).tolist():
            self._left_out[REASONS[code]] += int((codes == code).sum())
        self._counts["queries"] += 1
        self._counts["ranked"] += len(codes)
        if not sifted.consistent:
            self._counts["inconsistent"] += 1
            return
        self._consistent.append(query_id)
        if not (codes == KEPT).any():
            self._counts["without_candidates"] += 1


def _counts(result: dict[str, Any]) -> str:
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in result["left_out"].items() if count)
    return (
        f"{result['queries']:,} queries ({result['inconsistent']:,} inconsistent), {result['ranked']:,} ranked "
        f"passages, left out: {left_out or 'none'}"
    )
