"""Dense: ranks passages by the dot product of their vectors with the query's, exactly, over the whole corpus.

Shapes: C queries, N passages, D embedding size, P pairs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.encode import encode
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import search
from wrank.evaluation.vectors import InMemory, Readable
from wrank.mining.base import Miner, Ranking, Tools


class DenseMiner(Miner):
    """Ranks by the encoder that was chosen (``model=...``).

    The passages' vectors are read once for each chunk of queries, so a larger chunk is faster where they do not fit
    into memory.

    Args:
        chunk: queries encoded and searched at once.

    Raises:
        WrankError: no whole number from 1 up.
    """

    name = "dense"
    uses_model = True

    def __init__(self, chunk: int = 4096) -> None:
        super().__init__(chunk)
        self._tools: Tools | None = None
        self._vectors: Readable = InMemory(np.empty((0, 0), dtype=np.float32))
        self._ties: Ties | None = None
        self._encoded: tuple[np.ndarray, np.ndarray] | None = None

    def identity(self) -> dict[str, Any]:
        """Nothing but the kind: the encoder's fingerprint and precision stand beside it in the key."""
        return {"miner": self.name}

    def open(self, collection: Collection, tools: Tools) -> None:
        """Makes or finds the passages' vectors."""
        self._tools, self._vectors = tools, tools.vectors()
        self._ties = Ties.of_order(np.arange(len(self._vectors), dtype=np.int32))  # of equal scores the lower row

    def rank(self, collection: Collection, query_rows: np.ndarray, depth: int) -> Iterator[Ranking]:
        """See `Miner.rank`. Holds the vectors of a chunk of queries and what `wrank.evaluation.search` holds."""
        tools = self._opened()
        for start in range(0, len(query_rows), self.chunk):
            part = query_rows[start : start + self.chunk]
            found = search(
                self._encode(collection, part),
                self._vectors,
                [str(row) for row in part.tolist()],
                collection.passages.ids,
                k=depth,
                ties=self._ties,
                chunk=tools.settings.chunk,
                device=tools.device,
            )
            for query_row, rows, scores in zip(part.tolist(), found.rows_QK, found.scores_QK, strict=True):
                count = int((rows >= 0).sum())
                yield Ranking(query_row, rows[:count], scores[:count])

    def score_pairs(self, collection: Collection, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """See `Miner.score_pairs`. Summed in float64, so it may differ from a ranking's score in the last digit."""
        scores = np.empty(len(query_rows), dtype=np.float32)
        distinct, first = np.unique(query_rows, return_index=True)
        distinct = distinct[np.argsort(first)]
        for start in range(0, len(distinct), self.chunk):
            part = distinct[start : start + self.chunk]
            vectors_CD = self._encode(collection, part)
            place_of = {row: place for place, row in enumerate(part.tolist())}
            for pair in np.flatnonzero(np.isin(query_rows, part)).tolist():
                query_D = vectors_CD[place_of[int(query_rows[pair])]].astype(np.float64)
                passage_1D = self._vectors.rows(passage_rows[pair : pair + 1])
                scores[pair] = np.dot(query_D, passage_1D[0].astype(np.float64))
        return scores

    def _encode(self, collection: Collection, query_rows: np.ndarray) -> np.ndarray:
        """Vectors of queries [C, D]; the last chunk's are kept, as its positives are scored after its ranking."""
        if self._encoded is None or not np.array_equal(self._encoded[0], query_rows):
            tools = self._opened()
            encoded = encode(
                tools.encoder(),
                collection.queries.texts(query_rows.tolist()),
                "query",
                batch_tokens=tools.settings.batch_tokens,
                precision=tools.settings.precision,
                device=tools.device,
            )
            self._encoded = (query_rows.copy(), encoded.vectors_ND)
        return self._encoded[1]

    def _opened(self) -> Tools:
        if self._tools is None:
            raise WrankError("DenseMiner.open comes before rank: there are no vectors yet")
        return self._tools
