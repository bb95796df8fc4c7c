"""What a user sets about reranking: what scores the candidates, how many, and whose they are."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from wrank.errors import WrankError


class PairScorer(Protocol):
    """What scores pairs of texts; `wrank.teacher.base.Pointwise` has it. Entering it loads it, leaving frees it."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values that can change a score."""

    @abstractmethod
    def title(self) -> str:
        """What it is called in tables."""

    @abstractmethod
    def score(self, pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        """One score a (query text, passage text), in the order given."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class Reranker:
    """Reranking of a first stage's candidates; checked when made.

    Attributes:
        scorer: what scores them: an option of the group ``teacher`` that scores pairs.
        depth: candidates a query that are scored, the best of the first stage.
        candidates: a TREC run whose candidates are taken; None = those of the chosen model.
    """

    scorer: PairScorer
    depth: int = 100
    candidates: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 1:
            raise WrankError(f"evaluation.reranker.depth is {self.depth!r}; wanted a whole number from 1 up")
        if not hasattr(self.scorer, "score"):
            raise WrankError(
                f"evaluation.reranker.scorer: {type(self.scorer).__name__} scores no pairs (it compares two passages); "
                "wanted teacher cross_encoder or llm"
            )
