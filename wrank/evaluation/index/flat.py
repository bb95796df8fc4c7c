"""FAISS's exact search: every passage is compared."""

from dataclasses import dataclass
from typing import Any, ClassVar

from wrank.evaluation.index.base import Index
from wrank.evaluation.index.library import library
from wrank.evaluation.vectors import Readable


@dataclass(frozen=True)
class FlatIndex(Index):
    """All vectors in float32 (FAISS IndexFlatIP): N x D x 4 bytes.

    It finds what wrank's own search finds, but for passages whose scores differ in the last bits, and for equal scores
    at the cut-off, which FAISS breaks in its own way. A yardstick for the other indexes.
    """

    name: ClassVar[str] = "flat"

    def _empty(self, vectors: Readable) -> Any:
        return library().IndexFlatIP(vectors.dimension)
