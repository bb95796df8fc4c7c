"""The contract of a teacher: scores of pairs of query and passage, or preferences between two passages."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

Pair = tuple[str, str]
"""A query's text and a passage's text."""

Triple = tuple[str, str, str]
"""A query's text and the texts of two passages."""

Progress = Callable[[int], None]
"""Called with the number of pairs (or triples) just done."""


class Mark(NamedTuple):
    """What a teacher says of one pair or triple.

    Attributes:
        value: a pair's score, higher = more relevant, any range; of a triple the probability (0 to 1) that the first
            passage is the better one. NaN: it could not be told.
        truncated: whether the teacher read less than the whole texts (or exactly as much as it can hold).
        mass: probability (0 to 1) that a language model put on the tokens that were asked for; NaN for other teachers.
        first: of a triple: mean probability of the passage that was shown first; 0.5 = no bias by position.
        reason: why there is no value: ``word: detail``; "" when there is one.
    """

    value: float
    truncated: bool = False
    mass: float = math.nan
    first: float = math.nan
    reason: str = ""


class Teacher(ABC):
    """A model that judges. Used as a context manager: entering loads it, leaving frees it.

    Attributes:
        name: the option's name.
    """

    name: ClassVar[str]

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values that can change a score: the model's content, prompt, settings; not devices and batch sizes."""

    @abstractmethod
    def title(self) -> str:
        """What it is called in reports and folders."""

    @abstractmethod
    def prefer(self, query: str, first: str, second: str) -> float:
        """The probability (0 to 1) that the first passage is the better one for the query."""

    def facts(self) -> dict[str, Any]:
        """For the manifest, once loaded: device, versions."""
        return {}

    def start(self) -> None:  # noqa: B027
        """Loads the model; does nothing where it is loaded already.

        Raises:
            WrankError: no such model, no memory, no server.
        """

    def close(self) -> None:  # noqa: B027
        """Frees the model; may be called twice."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Pointwise(Teacher):
    """Judges one passage at a time."""

    @abstractmethod
    def marks(self, pairs: Iterable[Pair], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a pair, in the order given; batched inside.

        Raises:
            WrankError: the model died, or gives numbers that are none.
        """

    def score(self, pairs: Iterable[Pair]) -> Iterator[float]:
        """One score a pair, in the order given; NaN where there is none."""
        return (mark.value for mark in self.marks(pairs))

    def prefer(self, query: str, first: str, second: str) -> float:
        """sigmoid(score of the first - score of the second), at temperature 1."""
        one, other = self.score([(query, first), (query, second)])
        return sigmoid(one - other)


class Pairwise(Teacher):
    """Judges two passages against each other."""

    @abstractmethod
    def compare(self, triples: Iterable[Triple], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a triple, in the order given; batched inside.

        Raises:
            WrankError: the model died.
        """

    def prefer(self, query: str, first: str, second: str) -> float:
        """The probability (0 to 1) that the first passage is the better one; NaN where it cannot be told."""
        (mark,) = self.compare([(query, first, second)])
        return mark.value


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
