"""The pipeline: items -> requests -> engine -> replies -> read, checked, logged; asked again where refused.

::

    items[i] -> recipe.request -> engine.generate -> read_answer -> recipe.read -> gate.check -> log
                     ^------------------ refused: next attempt ------------------------'

Everything is decided by position and by the replies alone, not by the order in which they arrive, so a run that was
killed and resumed ends with the texts of an unbroken one, given equal replies.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import sha256_of_json, write_atomic
from wrank.generator.base import Recipe
from wrank.generator.engine.base import Engine
from wrank.generator.gate import Gate
from wrank.generator.outcome import Outcome, read_outcome
from wrank.generator.shard import ReplyLog
from wrank.generator.state import MOST_ATTEMPTS, State
from wrank.generator.work import Items, Progress, Work, nothing_complete

LOG = ".replies"
_WORK = "work.json"


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
        engine: the model, started.
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
    with ReplyLog(log_folder) as log:
        state = State.from_log(log, len(items), recipe.slots, attempts)
        work = Work(recipe, engine, items, log, state, gate, label_words, progress)
        work.check_log()
        resumed_from, tokens, began = state.figures.replies, state.figures.output_tokens, time.monotonic()
        work.run()
        seconds = time.monotonic() - began
    if not state.items_complete:
        raise WrankError(nothing_complete(state, log_folder))
    figures = state.figures
    return Outcome(
        model=engine.model,
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
        engine=dict(engine.facts()),
    )


def is_written(folder: Path) -> bool:
    """Whether a folder's collection is whole already, so that no engine is needed."""
    return read_outcome(folder) is not None


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
