"""What training lists get beside judged passages: a teacher's scores and preferences, and forms of the query.

Shapes: K passages of a list.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wrank.data.judgements import Judgements
from wrank.data.paraphrases import ParaphraseTable
from wrank.data.preferences import PreferenceTable


@dataclass(frozen=True)
class Supplement:
    """Looked up for each list when it is drawn; rows are those of the collection's tables.

    Attributes:
        scores: a teacher's scores, as grades of pairs; or None.
        preferences: a teacher's preferences, or None.
        paraphrases: equivalent queries, or None.
        originals: row of each query under its own id, int [Q]: one that comes again under the name of an objective has
            what there is for it, or else what there is for the query itself; None = no query comes again.
        negatives: each query's negatives are drawn from so many fixed ones, which a teacher has scored; None = from
            all that there are.
    """

    scores: Judgements | None = None
    preferences: PreferenceTable | None = None
    paraphrases: ParaphraseTable | None = None
    negatives: int | None = None
    originals: np.ndarray | None = None

    def teacher(self, query_row: int, rows: Sequence[int], own: Sequence[float] | None) -> list[float] | None:
        """Scores [K] of a list's passages.

        Args:
            query_row: the query.
            rows: of the K passages.
            own: scores that the collection itself has, of the first of them; they count where `scores` has none.

        Returns:
            NaN where there is none; None when there are no scores at all.
        """
        if self.scores is None and own is None:
            return None
        found = [*(own or ()), *[math.nan] * (len(rows) - len(own or ()))]
        if self.scores is not None:
            known: dict[int, float] = {}
            for one in reversed(self._names(query_row)):  # what is said of it under this very id comes last, and wins
                scored_rows, values = self.scores.of_query(one)
                known |= zip(scored_rows.tolist(), values.tolist(), strict=True)
            found = [known.get(row, score) for row, score in zip(rows, found, strict=True)]
        return found

    def pairs(self, query_row: int, rows: Sequence[int]) -> list[tuple[int, int, float]]:
        """The preferences (i, j, p) between two passages that are both in the list, as places in it."""
        if self.preferences is None:
            return []
        places = {row: place for place, row in enumerate(rows)}
        for name in self._names(query_row):
            first, second, p = self.preferences.of_query(name)
            found = [
                (places[one], places[other], share)
                for one, other, share in zip(first.tolist(), second.tolist(), p.tolist(), strict=True)
                if one in places and other in places
            ]
            if found:
                return found
        return []

    def texts(self, query_row: int, count: int, generator: np.random.Generator) -> list[str]:
        """At most `count` paraphrases of a query, drawn."""
        if self.paraphrases is None:
            return []
        found = map(self.paraphrases.of_query, self._names(query_row))
        texts = next((some for some in found if some), [])
        return [texts[place] for place in generator.permutation(len(texts))[:count].tolist()]

    def _names(self, query_row: int) -> list[int]:
        """The rows of a query: as it is asked for, then under its own id."""
        own = query_row if self.originals is None else int(self.originals[query_row])
        return [query_row] if own == query_row else [query_row, own]
