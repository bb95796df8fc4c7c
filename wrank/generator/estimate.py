"""What a generation will cost, from a probe of a few items: tokens, requests, hours, disk, GPU memory."""

import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.generator.base import Recipe
from wrank.generator.engine.base import Engine
from wrank.generator.gate import Gate
from wrank.generator.outcome import Outcome
from wrank.generator.pipeline import LOG, write
from wrank.generator.request import Item
from wrank.generator.shard import ReplyLog, line_bytes
from wrank.generator.work import Items, Progress

PROBE_ITEMS = 16
_NORMAL = 1.96  # 95% of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Span:
    """A figure and how far off it may be.

    Attributes:
        mean: the best guess.
        low: lower end of the range.
        high: its upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What a generation will cost.

    Attributes:
        items: what it is estimated for.
        probed: items of the probe.
        requests: with those asked again.
        prompt_tokens: read.
        output_tokens: written.
        hours: of asking, without the start of the engine.
        disk_bytes: the log and the collection, which stand side by side for a moment.
        complete: share (0 to 1) of the probe's items that became complete.
        tokens_per_second: output tokens a second, in the probe.
        gpu_memory_bytes: of the engine, where it says so.
        engine: the engine's own facts.
    """

    items: int
    probed: int
    requests: Span
    prompt_tokens: Span
    output_tokens: Span
    hours: Span
    disk_bytes: Span
    complete: float
    tokens_per_second: float
    gpu_memory_bytes: int | None = None
    engine: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


class _Some:
    """Items at some positions."""

    def __init__(self, items: Items, positions: Sequence[int]) -> None:
        self.items, self.positions = items, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int, /) -> Item:
        return self.items[self.positions[index]]


def estimate(
    recipe: Recipe,
    engine: Engine,
    items: Items,
    *,
    attempts: int = 3,
    gate: Gate | None = None,
    probe_items: int = PROBE_ITEMS,
    progress: Progress | None = None,
) -> Estimate:
    """Writes for a few items, spread evenly, in a temporary folder, and scales what that took.

    The ranges of requests, tokens and bytes are 95% ranges of the mean over the probed items. The time is bounded by
    two cases: as in the probe (high), and with the engine's window always full at unchanged speed a request (low); its
    mean is their geometric mean. A probe that fills the window has one case only.

    Args:
        recipe: what to ask.
        engine: the model, started.
        items: all that would be written for.
        attempts: as for `write`.
        gate: as for `write`.
        probe_items: items of the probe, 1 or more.
        progress: as for `write`; the total is the probed items' slots.

    Raises:
        WrankError: no probe item became complete (its replies are kept, and the message says where), or what `write`
            raises.
    """
    if probe_items < 1:
        raise WrankError(f"the probe has {probe_items} items; wanted 1 or more")
    count = min(probe_items, len(items))
    some = _Some(items, [index * len(items) // count for index in range(count)])
    folder = Path(tempfile.mkdtemp(prefix="wrank-probe-"))
    outcome = write(recipe, engine, some, folder, attempts=attempts, gate=gate, progress=progress)
    figures = _by_item(some, folder, recipe.slots)
    shutil.rmtree(folder)
    spans = {name: _span([item[name] for item in figures], len(items)) for name in figures[0]}
    memory = outcome.engine.get("gpu_memory_bytes")
    return Estimate(
        items=len(items),
        probed=count,
        **spans,
        hours=_hours(outcome, engine.window, len(items) * recipe.slots, spans["output_tokens"]),
        complete=outcome.items_complete / count,
        tokens_per_second=outcome.tokens_per_second,
        gpu_memory_bytes=int(memory) if memory is not None else None,
        engine=outcome.engine,
    )


def _by_item(items: Items, folder: Path, slots: int) -> list[dict[str, float]]:
    """What each item took. The texts stand in the log and again in the collection, the item's text once more."""
    names = ("requests", "prompt_tokens", "output_tokens", "disk_bytes")
    figures: list[dict[str, float]] = [dict.fromkeys(names, 0.0) for _ in range(len(items))]
    with ReplyLog(folder / LOG) as log:
        for index, figure in enumerate(figures):
            figure["disk_bytes"] = len(items[index].text.encode("utf-8")) + len(items[index].anchor.encode("utf-8"))
        for _, line in log.replay():
            figure = figures[line["position"] // slots]
            figure["requests"] += 1
            figure["prompt_tokens"] += line["prompt_tokens"]
            figure["output_tokens"] += line["output_tokens"]
            figure["disk_bytes"] += 2 * line_bytes(line)
    return figures


def _span(values: Sequence[float], items: int) -> Span:
    """Mean and range of the sum over `items`, from a few of them.

    The range is mean / (1 + e) to mean * (1 + e), e the relative error at 95% (Student's t, by its Cornish-Fisher
    expansion): costs are above 0, and the lower end with them. One item alone: half to double.
    """
    count = len(values)
    mean = sum(values) / count
    if count == items or not mean:
        error = 0.0
    elif count == 1:
        error = 1.0
    else:
        freedom = count - 1
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / freedom / count)
        error = (_NORMAL + 2.37 / freedom + 2.82 / freedom**2) * spread / mean
    return Span(mean * items, mean * items / (1 + error), mean * items * (1 + error))


def _hours(outcome: Outcome, window: int, requests: int, tokens: Span) -> Span:
    """See `estimate`."""
    as_probed = outcome.seconds / outcome.items * (requests / outcome.slots) / 3600
    at_once = max(outcome.engine_seconds / outcome.seconds, 1.0) if outcome.seconds else 1.0
    with_full_window = as_probed * min(1.0, at_once / min(window, requests))
    low, high = (tokens.low / tokens.mean, tokens.high / tokens.mean) if tokens.mean else (1.0, 1.0)
    return Span(math.sqrt(as_probed * with_full_window), with_full_window * low, as_probed * high)
