"""Which parts of a mix, and which queries, take part in which epochs: a curriculum, declared in configuration.

Clicks in one stage and a language model's labels in another is the data scheduling of arXiv 2511.06635, which found
clicks to be better for frequent queries and the labels for the others: stages may go by frequency, too.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrank.data.frequencies import Frequencies
from wrank.data.table_base import Table
from wrank.errors import WrankError

_KEYS = {"epoch", "parts", "frequency"}


@dataclass(frozen=True)
class Stage:
    """What takes part from one epoch on.

    Attributes:
        epoch: the first epoch, from 0.
        parts: names of the mix's parts; None = all.
        frequency: lowest and highest frequency of a query, both inclusive; None = all queries.
    """

    epoch: int
    parts: tuple[str, ...] | None = None
    frequency: tuple[float, float] | None = None


class Schedule:
    """Stages in the order of their first epochs.

    An epoch always has as many items as there are queries in the whole mix: in a stage of fewer queries each comes
    more than once, so a step costs the same in every stage. A query that comes again under the name of an objective
    counts each time: where all queries have two kinds of labels, an epoch of a stage with one kind is two passes.

    Args:
        stages: mappings with ``epoch`` and, if wanted, ``parts`` and ``frequency``; the first begins at epoch 0.
        frequencies: how often a query was asked: a file with ``query-id<TAB>count`` a line, where a query that is not
            in it has frequency 0; or a word of `Frequencies`. Wanted where a stage has ``frequency``.

    Raises:
        WrankError: a key, an epoch, a range or a line that does not fit.
    """

    def __init__(self, stages: Sequence[Mapping[str, Any]], frequencies: str | None = None) -> None:
        self.stages = [_stage(number, given) for number, given in enumerate(stages)]
        if not self.stages or self.stages[0].epoch != 0:
            raise WrankError("data.mix.schedule.stages: wanted one or more, the first with epoch: 0")
        for number, (one, next_) in enumerate(zip(self.stages, self.stages[1:], strict=False), start=1):
            if next_.epoch <= one.epoch:
                raise WrankError(
                    f"data.mix.schedule.stages.{number}.epoch is {next_.epoch}; wanted more than {one.epoch}, the one "
                    f"before it"
                )
        self.frequencies = None if frequencies is None else Frequencies(frequencies, "data.mix.schedule.frequencies")
        self._prefixes: tuple[str, ...] = ()
        if self.frequencies is None and any(stage.frequency for stage in self.stages):
            raise WrankError(
                "data.mix.schedule: a stage has frequency, but there are no frequencies: give "
                "data.mix.schedule.frequencies, a file with query-id<TAB>count a line"
            )

    def with_prefixes(self, prefixes: Sequence[str]) -> "Schedule":
        """The same schedule for queries that come again under ids with a prefix (`Part.objective`)."""
        other = copy.copy(self)
        other._prefixes = tuple(prefixes)
        return other

    @property
    def file(self) -> str:
        """Where the frequencies are, for messages."""
        return str(self.frequencies and (self.frequencies.path or self.frequencies.word))

    def stage(self, epoch: int) -> int:
        """The number of the stage that an epoch is in."""
        return max(number for number, stage in enumerate(self.stages) if stage.epoch <= epoch)

    def check(self, names: Sequence[str]) -> None:
        """Refuses a part that the mix does not have.

        Raises:
            WrankError: naming it.
        """
        for number, stage in enumerate(self.stages):
            if unknown := [name for name in stage.parts or () if name not in names]:
                raise WrankError(
                    f"data.mix.schedule.stages.{number}.parts: no part {unknown[0]!r}; there are {', '.join(names)}"
                )

    def unreached(self, epochs: int) -> list[int]:
        """The numbers of the stages that a training of so many epochs, begun ones included, never comes to."""
        return [number for number, stage in enumerate(self.stages) if stage.epoch >= epochs]

    def unknown(self, queries: Table) -> list[str]:
        """The query ids among the frequencies that are no query's."""
        return [] if self.frequencies is None else self.frequencies.unknown(queries)

    def wanted(self, number: int, queries: Table, query_rows: np.ndarray) -> np.ndarray:
        """Which queries' frequencies fit a stage.

        Args:
            number: of the stage.
            queries: what query rows mean.
            query_rows: [Q].

        Returns:
            bool [Q].
        """
        frequency = self.stages[number].frequency
        if frequency is None or self.frequencies is None:
            return np.ones(len(query_rows), dtype=bool)
        counts = self.frequencies.of(queries, query_rows, self._prefixes)
        return (counts >= frequency[0]) & (counts <= frequency[1])

    def identity(self) -> dict[str, Any]:
        """What can change the lists."""
        return {
            "stages": [[stage.epoch, stage.parts, _finite(stage.frequency)] for stage in self.stages],
            "frequencies": None if self.frequencies is None else self.frequencies.identity(),
        }


def _finite(frequency: tuple[float, float] | None) -> list[float | str] | None:
    return None if frequency is None else [frequency[0], "inf" if math.isinf(frequency[1]) else frequency[1]]


def _stage(number: int, given: Mapping[str, Any]) -> Stage:
    place = f"data.mix.schedule.stages.{number}"
    if unknown := set(given) - _KEYS:
        raise WrankError(f"{place}.{sorted(unknown)[0]}: no such key; wanted {', '.join(sorted(_KEYS))}")
    epoch, parts, frequency = given.get("epoch"), given.get("parts"), given.get("frequency")
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise WrankError(f"{place}.epoch is {epoch!r}; wanted a whole number from 0 up")
    if parts is not None and (isinstance(parts, str) or not parts):
        raise WrankError(f"{place}.parts is {parts!r}; wanted a list of the mix's parts, or null for all")
    if frequency is not None:
        numbers = [one for one in frequency if isinstance(one, int | float)] if isinstance(frequency, Sequence) else []
        if len(numbers) != 2 or len(frequency) != 2 or not 0 <= numbers[0] <= numbers[1]:
            raise WrankError(
                f"{place}.frequency is {frequency!r}; wanted [lowest, highest] with 0 <= lowest <= highest"
            )
        frequency = (float(numbers[0]), float(numbers[1]))
    return Stage(epoch, None if parts is None else tuple(map(str, parts)), frequency)
