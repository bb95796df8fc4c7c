"""Inverted lists: vectors are clustered, and a query is compared with those of the nearest clusters only."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.index.base import Index
from wrank.evaluation.index.library import check_counts, library
from wrank.evaluation.vectors import Readable


@dataclass(frozen=True)
class IvfIndex(Index):
    """k-means clusters of the vectors, each with the list of its vectors in float32 (FAISS IndexIVFFlat).

    N x D x 4 bytes. Centroids are learnt from a random sample of the vectors and are of length 1 (spherical k-means,
    which FAISS uses for dot products): vectors of very different lengths cluster less well. A query looks at about
    ``probes / lists`` of the passages. Learning is repeatable for a seed, but for rounding in matrix products, which
    may differ with the processor and the number of threads.

    Sivic and Zisserman 2003, "Video Google"; Douze et al. 2024, "The Faiss library" (arXiv 2401.08281).

    Attributes:
        lists: clusters; ``auto`` takes 4 x the square root of N, fewer for small corpora (39 vectors a cluster).
        probes: clusters that are looked at for a query; more finds more and takes longer.
        sample: vectors a cluster that k-means learns from, at most.
        seed: of the sample and of k-means.

    Raises:
        WrankError: a parameter out of its range.
    """

    name: ClassVar[str] = "ivf"
    searching: ClassVar[frozenset[str]] = frozenset({"probes"})
    lists: int | str = "auto"
    probes: int = 32
    sample: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(self.name, probes=self.probes, sample=self.sample)
        if self.lists != "auto":
            check_counts(self.name, lists=self.lists)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise WrankError(f"evaluation.index.seed is {self.seed!r}; a whole number from 0 and below 2^31 is wanted")

    def _empty(self, vectors: Readable) -> Any:
        faiss, lists = library(), self._count_lists(len(vectors))
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(vectors.dimension), vectors.dimension, lists, faiss.METRIC_INNER_PRODUCT
        )
        size = min(len(vectors), lists * self.sample)
        drawn = np.random.default_rng(self.seed).choice(len(vectors), size=size, replace=False)
        index.cp.seed = self.seed
        index.cp.min_points_per_centroid = 1  # which only decides about a warning
        index.cp.max_points_per_centroid = self.sample
        sample_SD = np.ascontiguousarray(vectors.rows(np.sort(drawn)), dtype=np.float32)
        if not np.isfinite(sample_SD).all():
            raise WrankError("index: a passage's vector holds NaN or infinity; encode again")
        index.train(sample_SD)
        return index

    def _count_lists(self, rows: int) -> int:
        if isinstance(self.lists, str):
            return max(1, min(round(4 * math.sqrt(rows)), rows // 39))
        if self.lists > rows:
            raise WrankError(
                f"evaluation.index.lists is {self.lists}, but the corpus has {rows} passages: set fewer, or auto"
            )
        return self.lists

    def _tune(self, index: Any) -> None:
        index.nprobe = self.probes
