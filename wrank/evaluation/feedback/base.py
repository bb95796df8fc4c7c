"""The contract of a feedback method: what it sees of a query, and one score a candidate.

Shapes: C candidates of one query, R relevant and S non-relevant feedback passages, D embedding size.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args

import numpy as np

from wrank.errors import WrankError

Similarity = Literal["cosine", "dot"]


class PassageVectors(Protocol):
    """Where vectors of passages come from; `wrank.evaluation.vectors.Vectors` has it."""

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of passages by row, float32 [n, D]."""


@dataclass(frozen=True, eq=False)
class Case:
    """One query on its residual collection: no feedback passage is among the candidates.

    Attributes:
        query_D: the query's vector, float32.
        ids: the candidates' passage ids, in the order of the first stage, best first.
        candidates_CD: their vectors, float32.
        relevant_RD: vectors of the passages that were revealed as relevant.
        nonrelevant_SD: vectors of those revealed as not relevant.
    """

    query_D: np.ndarray
    ids: Sequence[str]
    candidates_CD: np.ndarray
    relevant_RD: np.ndarray
    nonrelevant_SD: np.ndarray


class FeedbackMethod(ABC):
    """Scores candidates with the help of feedback. Holds no state: equal cases get equal scores.

    Attributes:
        name: the option's name.
    """

    name: ClassVar[str]

    @abstractmethod
    def score(self, case: Case) -> np.ndarray:
        """One score a candidate, float64 [C], higher = better; any number of feedback passages, none as well."""

    def identity(self) -> dict[str, Any]:
        """The method's name and every setting, as JSON values."""
        settings = {
            key: value.identity() if isinstance(value, FeedbackMethod) else value for key, value in vars(self).items()
        }
        return {"name": self.name, **settings}


def prepared(vectors: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Vectors in float64 whose dot product is the similarity.

    Args:
        vectors: [D] or [n, D].
        similarity: ``cosine``: scaled to length 1, a zero vector stays zero (its similarity is 0); ``dot``: as given.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    if similarity == "dot":
        return wide
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return wide / np.where(lengths > 0, lengths, 1.0)


def check_similarity(key: str, similarity: Any) -> Similarity:
    """A similarity that came as a setting.

    Raises:
        WrankError: neither ``cosine`` nor ``dot``.
    """
    if similarity not in get_args(Similarity):
        raise WrankError(f"{key} is {similarity!r}; wanted one of {', '.join(get_args(Similarity))}")
    return similarity


def check_weight(key: str, value: Any) -> float:
    """A weight that came as a setting.

    Raises:
        WrankError: no finite number from 0 up.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise WrankError(f"{key} is {value!r}; wanted a finite number from 0 up")
    return float(value)
