"""The contract of an engine: requests in, replies out as they finish."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, ClassVar, Self

from wrank.generator.request import Reply, Request


class Engine(ABC):
    """A language model that answers requests. Owns no files of the run, and knows no grades.

    Used as a context manager: entering loads the model (or finds the server), leaving frees it. Nothing is loaded
    before.

    Attributes:
        name: the option's name.
        model: the model as the user named it.
        window: the most requests taken but not answered.
    """

    name: ClassVar[str]
    model: str
    window: int

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values that can change a reply: engine, model (content hash of a local one), precision, seed.

        Not: devices, parallelism, addresses, window, time-outs. Cheap: nothing is loaded.
        """

    @abstractmethod
    def start(self) -> None:
        """Loads the model.

        Raises:
            WrankError: no such model, no such package, not enough memory, no server; with what to do.
        """

    @abstractmethod
    def close(self) -> None:
        """Frees everything; may be called twice."""

    @abstractmethod
    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answers requests, each exactly once, in the order they finish.

        Takes the next request only when fewer than `window` are unanswered, so the caller may decide late what comes
        next.

        Raises:
            WrankError: the engine died or the server stays away; replies given before are good.
        """

    def facts(self) -> dict[str, Any]:
        """For the manifest, once started: versions, device, memory, context length."""
        return {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
