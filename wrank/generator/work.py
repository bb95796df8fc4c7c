"""What is left to ask, what is asked, and what becomes of a reply."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from wrank.errors import WrankError
from wrank.generator.base import Recipe, Rejected
from wrank.generator.engine.base import Engine
from wrank.generator.gate import Gate
from wrank.generator.parse import read_answer
from wrank.generator.request import Item, Reply, Request, Written
from wrank.generator.shard import ReplyLog
from wrank.generator.state import ACCEPTED, State

REPLY_BOUND = 2000
"""Characters of a refused reply that are kept."""
_HOPELESS = 256  # items given up while none is complete, after which going on is a waste

Progress = Callable[[int, int], None]
"""Called at the start and after each reply with the requests settled so far (accepted, given up or no longer wanted,
also by earlier runs; the total is items * slots) and the output tokens of this run."""


class Items(Protocol):
    """What is written for, by position; read when asked for. Ids are unique."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Item: ...


class _Asked(NamedTuple):
    """A request without an answer."""

    position: int
    item: Item
    schema: Mapping[str, Any]


class Work:
    """What is left to ask, what is asked, and what becomes of a reply.

    An engine may take requests in a thread of its own.
    """

    def __init__(
        self,
        recipe: Recipe,
        engine: Engine,
        items: Items,
        log: ReplyLog,
        state: State,
        gate: Gate,
        label_words: Sequence[str],
        progress: Progress | None,
    ) -> None:
        self.recipe, self.engine, self.items, self.log, self.state = recipe, engine, items, log, state
        self.gate, self.label_words, self.progress = gate, label_words, progress
        self.instructions = gate.prepare(recipe.instructions())
        self.tokens_before = state.figures.output_tokens
        self.ready, self.fresh = deque(state.begun()), 0
        self.asked: dict[str, _Asked] = {}
        self.lock = threading.Lock()

    def run(self) -> None:
        """Asks in rounds: a reply that comes when the engine has taken its last request may leave more to ask."""
        self._tell()
        while self.state.settled < self.state.items * self.state.slots:
            answered = self.state.figures.replies
            replies = self.engine.generate(self._requests())
            try:
                for reply in replies:
                    self._settle(reply)
            finally:
                if close := getattr(replies, "close", None):
                    close()
            if self.asked or self.state.figures.replies == answered:
                raise WrankError(
                    f"the {self.engine.name} engine stopped with {len(self.asked)} requests unanswered; what it "
                    "answered is kept: run the command again to go on"
                )

    def check_log(self) -> None:
        """Compares one logged key with what would be asked now.

        Raises:
            WrankError: they differ, so the log is of other items.
        """
        accepted = np.flatnonzero(self.state.status == ACCEPTED)
        if not len(accepted):
            return
        position = int(accepted[-1])
        line = self.log.read(self.state.place(position))
        request = self._request(position, int(line["attempt"]))[1]
        if request.id != line["key"]:
            raise WrankError(f"{self.log.folder}: replies of other work: remove that folder")

    def _requests(self) -> Iterator[Request]:
        while (request := self._next()) is not None:
            yield request

    def _next(self) -> Request | None:
        """Begun items first. None when nothing can be asked now, or when the engine took all that its window holds."""
        with self.lock:
            while True:
                if len(self.asked) >= self.engine.window or (position := self._position()) is None:
                    return None
                try:
                    item, request = self._request(position, int(self.state.tries[position]))
                    break
                except Rejected as why:
                    self._give_up(position, why)
            if request.id in self.asked:
                raise WrankError(f"two requests with the key {request.id}: is the id {item.id!r} there twice?")
            self.asked[request.id] = _Asked(position, item, request.schema)
            return request

    def _position(self) -> int | None:
        if self.ready:
            return self.ready.popleft()
        while self.fresh < self.state.items:
            self.fresh += 1
            if self.state.is_fresh(self.fresh - 1):
                return (self.fresh - 1) * self.state.slots
        return None

    def _request(self, position: int, attempt: int) -> tuple[Item, Request]:
        index, slot = divmod(position, self.state.slots)
        item = self.items[index]
        if any(sign in item.id for sign in "\t\n\r"):
            raise WrankError(f"the id {item.id!r} holds a tab or a line end, which qrels cannot hold: rename it")
        return item, self.recipe.request(item, slot, attempt, self.engine.model)

    def _give_up(self, position: int, why: Rejected) -> None:
        """Logs an item that cannot be asked for, e.g. one without text: no further attempt would help."""
        line = {"position": position, "attempt": int(self.state.tries[position]), "key": "", "final": True}
        line |= {"prompt_tokens": 0, "output_tokens": 0, "seconds": 0.0, "reply": ""}
        line |= {"reason": why.reason, "detail": _clean(why.detail)}
        self.state.record(line, self.log.append(line))

    def _settle(self, reply: Reply) -> None:
        with self.lock:
            asked = self.asked.pop(reply.id, None)
        if asked is None:
            raise WrankError(
                f"the {self.engine.name} engine answered {reply.id!r}, which is not open: it was never asked, or was "
                "answered before"
            )
        record = self._judge(asked, reply)
        with self.lock:
            following = self.state.record(record, self.log.append(record))
            if following is not None:
                self.ready.append(following)
        self._tell()
        if not self.state.items_complete and self.state.given_up >= max(_HOPELESS, 2 * self.engine.window):
            raise WrankError(nothing_complete(self.state, self.log.folder))

    def _judge(self, asked: _Asked, reply: Reply) -> dict[str, Any]:
        """The line of the log for a reply."""
        position, item, schema = asked
        slot, attempt = position % self.state.slots, int(self.state.tries[position])
        line: dict[str, Any] = {
            "position": position,
            "attempt": attempt,
            "key": reply.id,
            "prompt_tokens": reply.prompt_tokens,
            "output_tokens": reply.output_tokens,
            "seconds": round(reply.seconds, 4),
        }
        try:
            trimmed: list[str] | None = [] if self.gate.trim else None
            written = self.recipe.read(item, slot, attempt, read_answer(reply, schema, trimmed))
            written = [_marked(text, trimmed or ()) for text in written]
            self.gate.check(
                written,
                item=item,
                instructions=self.instructions,
                siblings=self._siblings(position),
                label_words=self.label_words,
            )
        except Rejected as why:
            return line | {"reason": why.reason, "detail": _clean(why.detail), "reply": _clean(reply.text)}
        return line | {"written": [_as_json(text) for text in written]}

    def _siblings(self, position: int) -> list[str]:
        return [
            text["text"] for place in self.state.accepted_before(position) for text in self.log.read(place)["written"]
        ]

    def _tell(self) -> None:
        if self.progress:
            self.progress(self.state.settled, self.state.figures.output_tokens - self.tokens_before)


def nothing_complete(state: State, log_folder: Path) -> str:
    """Says that no item is complete: the commonest reasons, examples, and what to do."""
    figures = state.figures
    reasons = ", ".join(f"{reason} ({count})" for reason, count in figures.rejected.most_common(5))
    examples = "".join(f"\n  {one['reason']}: {one['detail']} <- {one['reply'][:160]!r}" for one in figures.examples)
    return (
        f"no item is complete: {state.given_up} were given up after {state.attempts} attempts each; "
        f"{figures.rejected.total()} of {figures.replies} replies were refused: {reasons}. For example:{examples}\n"
        f"All replies are in {log_folder}. Try another model, a larger max_tokens, more generator.attempts or a milder "
        "generator.gate"
    )


def _clean(text: str) -> str:
    """At most so many characters, without half surrogate pairs (no file can hold them)."""
    text = text if len(text) <= REPLY_BOUND else f"{text[:REPLY_BOUND]} [... {len(text) - REPLY_BOUND} more]"
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_json(text: Written) -> dict[str, Any]:
    return asdict(text) | {"attributes": dict(text.attributes)}


def _marked(text: Written, trimmed: Collection[str]) -> Written:
    """Says among its attributes that a text was cut back to its last whole sentence."""
    return replace(text, attributes={**text.attributes, "trimmed": True}) if text.text in trimmed else text
