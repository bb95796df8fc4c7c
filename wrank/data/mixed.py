"""What a mixed collection keeps of its mix: the parts, and which of a query's pairs take part in an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wrank.data.judgements import Judgements
from wrank.data.position import generator_at
from wrank.data.schedule import Schedule
from wrank.data.step.take import Take


@dataclass(frozen=True)
class MixedParts:
    """The parts of a mixed collection; see `wrank.data.collection.Mixed`.

    Attributes:
        names: the parts.
        known: every judged pair of the sources, before any step.
        seen: every pair of every part, before any step; grades mean nothing.
        judged: the parts (by number) whose pairs are judgements.
        quotas: part (by number) -> how many of its pairs are drawn at random for a list, each epoch anew, and the seed.
        seed: of the draws.
        schedule: which parts and queries take part in which epochs, or None.
        folders: where the parts' sources are, of those that are folders.
        originals: int [Q]: row of each query under its own id.
        doubts: sentences on what makes the result say nothing, e.g. frequencies that are made up.
    """

    names: Sequence[str]
    known: Judgements
    seen: Judgements
    judged: frozenset[int]
    originals: np.ndarray
    quotas: Mapping[int, Take] = field(default_factory=dict)
    seed: int = 0
    schedule: Schedule | None = None
    folders: Sequence[Path] = ()
    doubts: Sequence[str] = ()

    def active(self, epoch: int) -> frozenset[int] | None:
        """The parts (by number) that take part in an epoch; None = all."""
        names = None if self.schedule is None else self.schedule.stages[self.schedule.stage(epoch)].parts
        return None if names is None else frozenset(self.names.index(name) for name in names)

    def draw(self, query_id: str, epoch: int, parts: Mapping[int, int], grades: Sequence[float]) -> list[int]:
        """Which of a query's pairs take part in an epoch: a function of (seed, epoch, part, query id).

        When the draws hold nothing relevant though the query has something, one relevant pair of a drawn part takes
        the place of that part's last.

        Args:
            query_id: the query.
            epoch: from 0.
            parts: place of a pair -> its part.
            grades: [p] grade by place.
        """
        drawn: dict[int, list[int]] = {}
        relevant: list[tuple[int, int]] = []
        active = self.active(epoch)
        for part in sorted(set(parts.values())):
            if active is not None and part not in active:
                continue
            places = sorted(place for place, one in parts.items() if one == part)
            if part not in self.quotas:
                drawn[part] = places
                continue
            take = self.quotas[part]
            generator = generator_at("take", self.seed, take.seed, epoch, self.names[part], query_id)
            order = generator.permutation(places).tolist()
            drawn[part] = order[: take.k]
            relevant += [(part, place) for place in order if grades[place] > 0]
        chosen = [place for places in drawn.values() for place in places]
        if relevant and not any(grades[place] > 0 for place in chosen):
            part, place = relevant[0]
            drawn[part][-1] = place
            chosen = [place for places in drawn.values() for place in places]
        return chosen
