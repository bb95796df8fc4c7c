"""Where the work stands: a few bytes a request, found again from the log."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wrank.errors import WrankError
from wrank.generator.shard import Place, ReplyLog

TODO, ACCEPTED, GIVEN_UP = 0, 1, 2
MOST_ATTEMPTS = 100
_EXAMPLES = 3


@dataclass
class Figures:
    """What was counted over all replies, also those of earlier, killed runs.

    Attributes:
        replies: all of them.
        rejected: reason -> replies.
        prompt_tokens: read.
        output_tokens: written.
        engine_seconds: sum over the replies of their seconds.
        written: texts in accepted replies.
        examples: the first few rejected replies.
    """

    replies: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0
    engine_seconds: float = 0.0
    written: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


class State:
    """Where the work stands, by position (item * slots + slot).

    The slots of an item are asked one after the other: what stands already is compared with what comes, so which
    replies are accepted does not depend on the order in which they arrive. When a slot is given up its item cannot
    become complete, and its later slots are not asked.

    Args:
        items: number of items.
        slots: requests an item.
        attempts: replies after which a slot is given up.

    Attributes:
        figures: what was counted over the replies.
        accepted: slots with an accepted reply.
        given_up: slots without one after all attempts.
        not_asked: slots behind one of their item that was given up.
        items_complete: items whose slots were all accepted.
    """

    def __init__(self, items: int, slots: int, attempts: int) -> None:
        self.items, self.slots, self.attempts = items, slots, attempts
        self.status = np.zeros(items * slots, dtype=np.uint8)
        self.tries = np.zeros(items * slots, dtype=np.uint8)
        self._shard = np.zeros(items * slots, dtype=np.uint32)
        self._offset = np.zeros(items * slots, dtype=np.uint64)
        self.figures = Figures()
        self.accepted = self.given_up = self.not_asked = self.items_complete = 0

    @classmethod
    def from_log(cls, log: ReplyLog, items: int, slots: int, attempts: int) -> "State":
        """Where the work stood when the log ended.

        Raises:
            WrankError: a line that does not fit: of other work, or twice.
        """
        state = cls(items, slots, attempts)
        for place, record in log.replay():
            position = record.get("position")
            if (
                not isinstance(position, int)
                or not 0 <= position < items * slots
                or state.status[position] != TODO
                or record.get("attempt") != state.tries[position]
            ):
                raise WrankError(
                    f"{log.folder}: the line at byte {place.offset} of shard {place.shard} does not fit (position "
                    f"{position}, attempt {record.get('attempt')}): remove that folder; its work is done again"
                )
            state.record(record, place)
        return state

    @property
    def settled(self) -> int:
        """Requests nobody has to wait for: accepted, given up, or behind one that was given up."""
        return self.accepted + self.given_up + self.not_asked

    def record(self, record: Mapping[str, Any], place: Place) -> int | None:
        """Takes in a line of the log.

        Returns:
            The position to ask next because of it: the same again, the item's next slot, or None.
        """
        position = int(record["position"])
        slot = position % self.slots
        self._count(record)
        self.tries[position] += 1
        if "written" in record:
            self.status[position] = ACCEPTED
            self._shard[position], self._offset[position] = place
            self.accepted += 1
            if slot == self.slots - 1:
                self.items_complete += 1
                return None
            return position + 1
        if self.tries[position] < self.attempts and not record.get("final"):
            return position
        self.status[position] = GIVEN_UP
        self.given_up += 1
        self.not_asked += self.slots - 1 - slot
        return None

    def place(self, position: int) -> Place:
        """Where an accepted reply stands in the log."""
        return Place(int(self._shard[position]), int(self._offset[position]))

    def accepted_before(self, position: int) -> Iterator[Place]:
        """Where the accepted replies of the item's earlier slots stand."""
        return (self.place(earlier) for earlier in range(position - position % self.slots, position))

    def is_complete(self, item: int) -> bool:
        """Whether every slot of an item was accepted: the last one is asked only then."""
        return bool(self.status[(item + 1) * self.slots - 1] == ACCEPTED)

    def is_fresh(self, item: int) -> bool:
        """Whether nothing of an item was ever answered."""
        return bool(self.tries[item * self.slots] == 0)

    def begun(self) -> list[int]:
        """The position to ask next of every item that was begun and is neither complete nor given up."""
        status = self.status.reshape(self.items, self.slots)
        tries = self.tries.reshape(self.items, self.slots)
        open_items = (tries[:, 0] > 0) & ~(status == GIVEN_UP).any(1) & (status[:, -1] != ACCEPTED)
        rows = np.flatnonzero(open_items)
        first = (status[rows] == TODO).argmax(1)
        return [int(position) for position in rows * self.slots + first]

    def _count(self, record: Mapping[str, Any]) -> None:
        figures = self.figures
        figures.replies += 1
        figures.prompt_tokens += record["prompt_tokens"]
        figures.output_tokens += record["output_tokens"]
        figures.engine_seconds += record["seconds"]
        if "written" in record:
            figures.written += len(record["written"])
            return
        figures.rejected[record["reason"]] += 1
        if len(figures.examples) < _EXAMPLES:
            figures.examples.append(dict(record))
