"""The pipeline: items -> requests -> engine -> replies -> read, checked, logged; asked again where refused.

::

    items[i] -> recipe.request -> engine.generate -> read_answer -> recipe.read -> gate.check -> log
                     ^------------------ refused: next attempt ------------------------'

Everything is decided by position and by the replies alone, not by the order in which they arrive, so a run that was
killed and resumed ends with the texts of an unbroken one, given equal replies.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from wrank.errors import WrankError
from wrank.files import sha256_of_json, write_atomic
from wrank.generator.base import Recipe, Rejected
from wrank.generator.engine.base import Engine
from wrank.generator.gate import Gate
from wrank.generator.outcome import Outcome, read_outcome
from wrank.generator.parse import read_answer
from wrank.generator.request import Item, Reply, Request, Written
from wrank.generator.shard import ReplyLog
from wrank.generator.state import ACCEPTED, MOST_ATTEMPTS, State

LOG = ".replies"
REPLY_BOUND = 2000
"""Characters of a refused reply that are kept."""
_HOPELESS = 256  # items given up while none is complete, after which going on is a waste
_WORK = "work.json"

Progress = Callable[[int, int], None]
"""Called at the start and after each reply with the requests settled so far (accepted, given up or no longer wanted,
also by earlier runs; the total is items * slots) and the output tokens of this run."""


class Items(Protocol):
    """What is written for, by position; read when asked for. Ids are unique."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Item: ...


def write(
    recipe: Recipe,
    engine: Engine,
    items: Items,
    folder: Path,
    *,
    attempts: int = 3,
    gate: Gate | None = None,
    label_words: Sequence[str] = (),
    progress: Progress | None = None,
) -> Outcome:
    """Has every slot of every item written, or goes on where a killed run stopped.

    Args:
        recipe: what to ask.
        engine: the model, not started: it is started here, and only if something is left to ask.
        items: what to write for.
        folder: where the log goes (``.replies/``); the same one again to resume.
        attempts: replies after which a slot is given up, 1 to 100.
        gate: what a text must not be; None takes the defaults.
        label_words: names of levels that no text may name, beside the labels of its own reply.
        progress: told how far it is.

    Raises:
        WrankError: nothing to write for, another work's log in the folder, an engine that died or broke its contract
            (what was answered is kept), no complete item at the end (the log is kept).
        OSError: a full disk; what was answered is kept.
    """
    gate = gate or Gate()
    _check(items, attempts)
    if (done := read_outcome(folder)) is not None:
        return done[0]
    log_folder = folder / LOG
    _claim(log_folder, recipe, engine, items, attempts, gate)
    facts: dict[str, Any] = {}
    with ReplyLog(log_folder) as log:
        state = State.from_log(log, len(items), recipe.slots, attempts)
        work = _Work(recipe, engine, items, log, state, gate, label_words, progress)
        work.check_log()
        resumed_from, began, tokens = state.figures.replies, time.monotonic(), state.figures.output_tokens
        if state.settled < len(items) * recipe.slots:
            with engine:
                facts, began = engine.facts(), time.monotonic()
                work.run()
    seconds = time.monotonic() - began
    if not state.items_complete:
        raise WrankError(_nothing_complete(state, folder))
    figures = state.figures
    return Outcome(
        items=len(items),
        items_complete=state.items_complete,
        slots=recipe.slots,
        attempts=attempts,
        accepted=state.accepted,
        given_up=state.given_up,
        not_asked=state.not_asked,
        written=figures.written,
        replies=figures.replies,
        rejected=dict(figures.rejected.most_common()),
        prompt_tokens=figures.prompt_tokens,
        output_tokens=figures.output_tokens,
        engine_seconds=round(figures.engine_seconds, 3),
        resumed_from=resumed_from,
        seconds=round(seconds, 3),
        tokens_per_second=round((figures.output_tokens - tokens) / seconds, 3) if seconds > 0 else 0.0,
        engine=facts,
    )


class _Asked(NamedTuple):
    """A request without an answer."""

    position: int
    item: Item
    schema: Mapping[str, Any]


class _Work:
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
            replies = self.engine.generate(self._requests())
            try:
                for reply in replies:
                    self._settle(reply)
            finally:
                if close := getattr(replies, "close", None):
                    close()
            if self.asked:
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
            if len(self.asked) >= self.engine.window or (position := self._position()) is None:
                return None
            item, request = self._request(position, int(self.state.tries[position]))
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

    def _settle(self, reply: Reply) -> None:
        with self.lock:
            asked = self.asked.pop(reply.id, None)
        if asked is None:
            raise WrankError(
                f"the {self.engine.name} engine answered {reply.id!r}, which is not open: never asked, or answered twice"
            )
        record = self._judge(asked, reply)
        with self.lock:
            following = self.state.record(record, self.log.append(record))
            if following is not None:
                self.ready.append(following)
        self._tell()
        if not self.state.items_complete and self.state.given_up >= max(_HOPELESS, 2 * self.engine.window):
            raise WrankError(_nothing_complete(self.state, self.log.folder.parent))

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
            written = self.recipe.read(item, slot, attempt, read_answer(reply, schema))
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


def _check(items: Items, attempts: int) -> None:
    if not 1 <= attempts <= MOST_ATTEMPTS:
        raise WrankError(f"generator.attempts is {attempts}; wanted 1 to {MOST_ATTEMPTS}")
    if not len(items):
        raise WrankError("nothing to write for: the collection gave no item")


def _claim(log_folder: Path, recipe: Recipe, engine: Engine, items: Items, attempts: int, gate: Gate) -> None:
    """Marks the log as this work's; refuses one of another."""
    work = {"recipe": recipe.identity(), "engine": engine.identity(), "model": engine.model, "slots": recipe.slots}
    key = sha256_of_json(work | {"items": len(items), "attempts": attempts, "gate": asdict(gate)})
    path = log_folder / _WORK
    log_folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomic(path, json.dumps({"work": key}) + "\n")
    elif json.loads(path.read_text(encoding="utf-8")) != {"work": key}:
        raise WrankError(f"{log_folder}: replies to another recipe, model or gate: remove that folder")


def _nothing_complete(state: State, folder: Path) -> str:
    figures = state.figures
    reasons = ", ".join(f"{reason} ({count})" for reason, count in figures.rejected.most_common(5))
    examples = "".join(f"\n  {one['reason']}: {one['detail']} <- {one['reply'][:160]!r}" for one in figures.examples)
    return (
        f"no item is complete: {state.given_up} were given up after {state.attempts} attempts each. Of {figures.replies} "
        f"replies were refused: {reasons}. For example:{examples}\nAll replies are in {folder / LOG}. Try another "
        "model, a larger max_tokens, more generator.attempts or a milder generator.gate"
    )


def _clean(text: str) -> str:
    """At most so many characters, without half surrogate pairs (no file can hold them)."""
    text = text if len(text) <= REPLY_BOUND else f"{text[:REPLY_BOUND]} [... {len(text) - REPLY_BOUND} more]"
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_json(text: Written) -> dict[str, Any]:
    return asdict(text) | {"attributes": dict(text.attributes)}
