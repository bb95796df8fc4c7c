"""The contract of a recipe: what is asked of a language model for one item, and how the answer is read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from wrank.generator.request import Item, Request, Written


class Recipe(ABC):
    """Turns items into requests and replies into texts. Owns no files, knows no engine.

    What is asked is a function of (item, slot, attempt, the recipe's configuration) alone: attributes are drawn by
    position, so a resumed run asks the same.

    Attributes:
        name: the option's name, part of every id it writes.
        starts_from: ``query``; ``anchored`` (a query with a known relevant passage); ``passage`` (documents).
        writes: ``passage`` or ``query``.
    """

    name: ClassVar[str]
    starts_from: ClassVar[Literal["query", "anchored", "passage"]] = "query"
    writes: ClassVar[Literal["passage", "query"]] = "passage"

    @property
    @abstractmethod
    def slots(self) -> int:
        """Requests an item: 1, or e.g. one a level."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values: everything that can change a request or how its reply is read (prompt hash, scale, ...)."""

    @abstractmethod
    def request(self, item: Item, slot: int, attempt: int, model: str) -> Request:
        """The request for one slot of an item.

        Args:
            item: what to write for.
            slot: 0 to `slots` - 1.
            attempt: from 0; a new attempt draws attributes anew.
            model: the engine's model, part of the content key.
        """

    @abstractmethod
    def read(self, item: Item, slot: int, attempt: int, answer: Mapping[str, Any]) -> list[Written]:
        """The texts of an answer that obeys the schema; outer white space removed, order as asked (highest first).

        Raises:
            Rejected: the answer obeys the schema but cannot be used.
        """

    @abstractmethod
    def instructions(self) -> Sequence[str]:
        """Everything the model is told that is not the item: prompt text, level definitions, in-context examples.

        A text that repeats these was copied, not written.
        """


class Rejected(Exception):
    """A reply that cannot be used.

    Args:
        reason: one word or a few joined by underscores, counted in the manifest: ``cut``, ``copy_of_query``, ...
        detail: what exactly, for the reject log.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail
