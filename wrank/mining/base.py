"""The contract of a miner: it ranks the whole corpus for queries.

Shapes: C queries, K ranks, P pairs, N passages, D embedding size.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.encode import Encoder
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.vectors import Readable

Progress = Callable[[str, int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows a bar: (what is done, units to do, what is counted) -> a block that is handed a function to add to the done."""


class Ranking(NamedTuple):
    """The ranking of one query.

    Attributes:
        query_row: row of the query.
        rows: int64 [K], rows of passages, best first; of equal scores the lower row first. May be shorter than asked.
        scores: float32 [K], falling or equal.
    """

    query_row: int
    rows: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Tools:
    """What a miner may use.

    Attributes:
        folder: where an index may be kept for the next run.
        encoder: gives the encoder that was chosen; loads it when first called.
        vectors: gives the passages' vectors by that encoder, mapped from disk; makes them when missing.
        settings: how to encode and search.
        device: where, e.g. ``cpu`` or ``cuda``.
        progress: shows a bar.
    """

    folder: Path
    encoder: Callable[[], Encoder]
    vectors: Callable[[], Readable]
    settings: EvaluationSettings
    device: str
    progress: Progress


class Miner(ABC):
    """Ranks the passages of a collection.

    Args:
        chunk: C, queries ranked at once; each chunk is kept on disk when finished, so a killed run loses one at most.

    Attributes:
        name: one word, part of the artifact's name.
        uses_model: whether the ranking depends on the chosen encoder (its fingerprint then joins the key).

    Raises:
        WrankError: no whole number from 1 up.
    """

    name: str
    uses_model: bool = False

    def __init__(self, chunk: int) -> None:
        if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
            raise WrankError(f"miner.chunk is {chunk!r}; wanted a whole number of queries from 1 up")
        self.chunk = chunk

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values: everything of the miner itself that can change a ranking."""

    @abstractmethod
    def open(self, collection: Collection, tools: Tools) -> None:
        """Makes ready what ranking needs, e.g. an index; called once, before `rank`.

        Raises:
            WrankError: a missing library, a full disk, a corpus that cannot be indexed.
        """

    @abstractmethod
    def rank(self, collection: Collection, query_rows: np.ndarray, depth: int) -> Iterator[Ranking]:
        """The best passages of queries.

        Args:
            collection: what `open` was given.
            query_rows: [C] rows of queries, each once.
            depth: ranks wanted, from 1.

        Yields:
            One ranking a query, in the order given. Judged and excluded passages take part.
        """

    @abstractmethod
    def score_pairs(self, collection: Collection, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """Scores of single pairs, on the scale of `rank`: for known positives that the ranking does not reach.

        Args:
            collection: what `open` was given.
            query_rows: [P] rows of queries, those of one query one after another.
            passage_rows: [P].

        Returns:
            float32 [P].
        """
