"""A graph of neighbours: a query walks over it towards the passages that are most similar."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from wrank.errors import WrankError
from wrank.evaluation.index.base import Index
from wrank.evaluation.index.library import check_counts, library, use_threads
from wrank.evaluation.vectors import Readable


@dataclass(frozen=True)
class HnswIndex(Index):
    """A hierarchical graph over the vectors in float32 (FAISS IndexHNSWFlat).

    N x (D x 4 + about neighbours x 8.5) bytes, all of them in memory while it is built. The fastest for a query and
    the slowest to build. Made for distances: with dot products of vectors of very different lengths it finds less, so
    look at the recall that is reported.

    Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
    Small World graphs" (arXiv 1603.09320).

    Attributes:
        neighbours: links a vector (M in the paper; twice as many on the lowest level), at least 2.
        build_candidates: vectors looked at for the links of a new one (efConstruction).
        candidates: vectors kept on the way of a query (efSearch), at least as many as ranks are wanted.
        repeatable: true builds with one thread, so that the graph is the same each time; false takes all threads, and
            the graph differs a little from build to build.

    Raises:
        WrankError: a parameter out of its range.
    """

    name: ClassVar[str] = "hnsw"
    searching: ClassVar[frozenset[str]] = frozenset({"candidates"})
    neighbours: int = 32
    build_candidates: int = 80
    candidates: int = 256
    repeatable: bool = True

    def __post_init__(self) -> None:
        counts = {key: getattr(self, key) for key in ("neighbours", "build_candidates", "candidates")}
        check_counts(self.name, **counts)
        if self.neighbours < 2:
            raise WrankError("evaluation.index.neighbours is 1 (hnsw); at least 2 are wanted")

    def _empty(self, vectors: Readable) -> Any:
        faiss = library()
        index = faiss.IndexHNSWFlat(vectors.dimension, self.neighbours, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.build_candidates
        return index

    @contextmanager
    def _adding(self) -> Iterator[None]:
        use_threads(1 if self.repeatable else None)
        try:
            yield
        finally:
            use_threads()

    def _tune(self, index: Any) -> None:
        index.hnsw.efSearch = self.candidates
