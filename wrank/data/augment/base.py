"""The contract of an augmentation, and what those that change texts one by one share."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, get_args

import numpy as np

from wrank.data.augment.check import check_range, check_share, check_whole
from wrank.data.position import generator_at
from wrank.errors import WrankError
from wrank.records import RankedList

Texts = Literal["query", "passage", "both"]
Change = Callable[[str, int | None, np.random.Generator], str]
"""(text, its place among the passages or None for the query, its own generator) -> the new text."""


class Augmentation(ABC):
    """A transform of training lists.

    What it draws is a function of (seed, epoch, query id, passage id) alone: not of workers, ranks, history, or the
    order of the passages. It changes texts; ids, grades, sources, weight, teacher, pairs and paraphrases stay unless
    its docstring says otherwise. No text is ever made empty, and a text that is not touched stays as it is, to the
    last space.

    Args:
        seed: any whole number; 0 is a seed.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = check_whole("seed", seed)
        self._path = type(self).__name__

    @abstractmethod
    def __call__(self, item: RankedList, epoch: int) -> RankedList:
        """A new list; the given one is not edited.

        Args:
            item: a training list.
            epoch: from 0.
        """

    def under(self, name: str) -> Self:
        """The same augmentation, drawing independently of others with its seed: as the step `name` of a chain."""
        renamed = copy.copy(self)
        renamed._path = f"{name}/{self._path}"
        return renamed

    def _generator(self, epoch: int, item: RankedList, *place: str) -> np.random.Generator:
        return generator_at("augment", self._path, self.seed, epoch, item.query_id, *place)


class TextAugmentation(Augmentation):
    """An augmentation that changes texts one by one.

    Args:
        seed: any whole number; 0 is a seed.
        texts: which it may touch: the ``query``, each ``passage``, or ``both``.
        grades: the lowest and highest grade, both inclusive, of passages it may touch; None = all. The query has none.
        probability: share (above 0, up to 1) of these texts that it touches; each is drawn by itself.

    Raises:
        WrankError: a value that cannot be used, or `grades` where no passage is touched.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        texts: Texts = "passage",
        grades: Sequence[float] | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(seed)
        if texts not in get_args(Texts):
            raise WrankError(f"data.augment.texts is {texts!r}; wanted one of {', '.join(get_args(Texts))}")
        if texts == "query" and grades is not None:
            raise WrankError(
                f"data.augment.grades is {grades!r}, but data.augment.texts is query, which has no grade: wanted null"
            )
        self.texts = texts
        self.grades = None if grades is None else check_range("grades", grades, "[lowest, highest] grade, or null")
        self.probability = check_share("probability", probability, positive=True)

    def __call__(self, item: RankedList, epoch: int) -> RankedList:
        """A new list with the drawn texts changed; the given one is not edited.

        Args:
            item: a training list.
            epoch: from 0.
        """
        change = self._prepare(item)
        query, passages = item.query, list(item.passages)
        if self.texts != "passage":
            query = self._touch(change, query, None, self._generator(epoch, item, "query"))
        if self.texts != "query":
            for place, (id, grade) in enumerate(zip(item.passage_ids, item.grades, strict=True)):
                if self.grades is None or self.grades[0] <= grade <= self.grades[1]:
                    generator = self._generator(epoch, item, "passage", id)
                    passages[place] = self._touch(change, passages[place], place, generator)
        return renewed(item, query=query, passages=passages)

    @abstractmethod
    def _prepare(self, item: RankedList) -> Change:
        """What changes the texts of this list."""

    def _touch(self, change: Change, text: str, place: int | None, generator: np.random.Generator) -> str:
        if generator.random() >= self.probability:
            return text
        changed = change(text, place, generator)
        return changed if changed.strip() else text


def renewed(item: RankedList, **changes: Any) -> RankedList:
    """A copy that shares no list with the given one, so that neither can be edited through the other.

    Args:
        item: the list to copy.
        changes: fields with new values.
    """
    lists = ("passage_ids", "passages", "grades", "sources", "teacher", "pairs", "paraphrases", "keys")
    copies = {name: copy.copy(getattr(item, name)) for name in lists if name not in changes}
    return replace(item, **copies, **changes)


def kept(uniform: np.ndarray, loss: float) -> np.ndarray:
    """Which of n pieces stay when each is lost with a probability: where its draw reaches `loss`.

    Args:
        uniform: n draws from [0, 1), one a piece; n >= 1.
        loss: the probability that a piece is lost, 0 to 1.

    Returns:
        n booleans, at least one True: when all would be lost, the piece with the highest draw stays.
    """
    stays = uniform >= loss
    stays[uniform.argmax()] = True
    return stays
