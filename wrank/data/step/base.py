"""The contract of a step: pairs in, pairs out, all at once as arrays, no text read unless the step is about texts.

Shapes: P pairs. A query's pairs stand together, queries in the order of their first pair, pairs in the order given.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_file


@dataclass(frozen=True)
class Pairs:
    """Graded pairs of query and passage.

    Attributes:
        queries: what query rows mean.
        passages: what passage rows mean.
        query_rows: int32 [P].
        passage_rows: int32 [P].
        grades: float64 [P]; 0 = not relevant, higher = better; a source's scores until they are relabelled.
        teacher: float64 [P] scores of a teacher (NaN: none for this pair), or None.
        weights: float64 [P]: the weight that the pair's list has in the loss.
        parts: uint8 [P]: the number of the part of the mix that brought the pair, or None.
        folder: where the source keeps facts about its passages (provenance), or None.
        place: the configuration key of the mix's part, for messages, e.g. ``data.mix.parts.real``.
    """

    queries: Table
    passages: Table
    query_rows: np.ndarray
    passage_rows: np.ndarray
    grades: np.ndarray
    teacher: np.ndarray | None = None
    weights: np.ndarray | None = None
    parts: np.ndarray | None = None
    folder: str | None = None
    place: str = "data.mix"

    def __len__(self) -> int:
        return len(self.query_rows)

    def only(self, kept: np.ndarray) -> "Pairs":
        """Some of the pairs.

        Args:
            kept: bool [P], or their places, ascending.
        """
        columns = ("query_rows", "passage_rows", "grades", "teacher", "weights", "parts")
        chosen = {name: column[kept] for name in columns if (column := getattr(self, name)) is not None}
        return dataclasses.replace(self, **chosen)

    def graded(self, grades: np.ndarray) -> "Pairs":
        """The same pairs with other grades, float64 [P]."""
        return dataclasses.replace(self, grades=np.asarray(grades, dtype=np.float64))

    def offsets(self) -> np.ndarray:
        """int64 [Q + 1]: query i's pairs are ``offsets[i]:offsets[i + 1]``."""
        starts = np.flatnonzero(np.diff(self.query_rows, prepend=-1))
        return np.append(starts, len(self)).astype(np.int64)


class Step(ABC):
    """One step of a part of a mix, or of the whole mix.

    Attributes:
        pairwise: keeps every pair, and what becomes of it depends on it alone: so the step may follow a random draw.
    """

    pairwise = False

    def identity(self) -> dict[str, Any]:
        """What of the step can change its result: its attributes; of a file, its content."""
        return {name: _plain(value) for name, value in vars(self).items() if name != "counts"}

    @abstractmethod
    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs after the step; the given ones are not changed.

        Raises:
            WrankError: what the step needs is not there; nothing of the kind is passed over in silence.
        """


def check_steps(place: str, steps: Any) -> None:
    """Refuses what is no list of steps.

    Raises:
        WrankError: naming the place and what came.
    """
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        raise WrankError(f"{place} is {steps!r}; wanted a list of nodes with _target_: wrank.data.step...., or []")
    if wrong := [step for step in steps if not isinstance(step, Step)]:
        raise WrankError(f"{place} holds {wrong[0]!r}; wanted a node with _target_: wrank.data.step....")


def _plain(value: Any) -> Any:
    """What canonical JSON can hold."""
    if isinstance(value, Path):
        return sha256_of_file(value)
    if isinstance(value, Mapping):
        return [[str(key), _plain(one)] for key, one in value.items()]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
