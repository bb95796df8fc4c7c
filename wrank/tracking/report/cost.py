"""What a system cost, beside what it is worth: seconds, GPU or CPU hours, tokens that a language model wrote for it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wrank.store import Artifact
from wrank.tracking.comparison_plot import Scale
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.library import Library
from wrank.tracking.report.rows import Row

_WIDE = 20.0  # most seconds / fewest seconds from which the axis is logarithmic
_NAME_WIDTH, _NAME_HEIGHT = 30.0, 6.0  # per cent of the plot that a name takes
_NO_COST = ("evaluation", "comparison", "report", "feedback", "audit")


@dataclass(frozen=True)
class Cost:
    """Of one system; what is made once for several systems is counted whole for each.

    Attributes:
        system: its name.
        training: seconds of a training, mean over seeds.
        before: seconds of what it needed first (passages written, negatives, teachers' scores), mean over seeds.
        gpu_hours: of both, mean over seeds; None where nothing ran on a GPU.
        cpu_hours: of what ran without one: seconds x processes / 3600.
        tokens: written by a language model for its training data; None where none was asked.
        prompt_tokens: read by it.
        quality: average, or the only set's mean; None where it was not evaluated.
        hardware: where the trainings ran.
    """

    system: str
    training: float
    before: float
    gpu_hours: float | None
    cpu_hours: float | None
    tokens: int | None
    prompt_tokens: int | None
    quality: float | None
    hardware: str

    @property
    def seconds(self) -> float:
        """All together."""
        return self.training + self.before


def costs(gathered: Gathered) -> list[Cost]:
    """Of every trained system, in the rows' order."""
    return [_cost(gathered, row) for row in gathered.rows if row.trainings]


def needed(library: Library, training: Artifact) -> list[Artifact]:
    """Everything that was made for a training, each once: directly, or for what it needed."""
    found: dict[str, Artifact] = {}
    todo = [training]
    while todo:
        for _, parent in library.parents(todo.pop().manifest):
            if str(parent.path) not in found and parent.manifest["kind"] not in _NO_COST:
                found[str(parent.path)] = parent
                todo.append(parent)
    return list(found.values())


def _cost(gathered: Gathered, row: Row) -> Cost:
    before = [needed(gathered.library, one) for one in row.trainings]
    written = [
        one.manifest["result"]["outcome"] for one in before[0] if one.manifest["result"].get("outcome") is not None
    ]
    hours: dict[str, list[float]] = {"gpu": [], "cpu": []}
    for training, others in zip(row.trainings, before, strict=True):
        for place in hours:
            hours[place].append(sum(_hours(one) for one in (training, *others) if _device(one) == place))
    return Cost(
        system=row.name,
        training=statistics.fmean(_seconds(one) for one in row.trainings),
        before=statistics.fmean(sum(map(_seconds, others)) for others in before),
        gpu_hours=statistics.fmean(hours["gpu"]) if any(hours["gpu"]) else None,
        cpu_hours=statistics.fmean(hours["cpu"]) if any(hours["cpu"]) else None,
        tokens=sum(int(one["output_tokens"]) for one in written) if written else None,
        prompt_tokens=sum(int(one["prompt_tokens"]) for one in written) if written else None,
        quality=quality(gathered, row.name),
        hardware=", ".join(dict.fromkeys(_hardware(one.manifest) for one in row.trainings)),
    )


def quality(gathered: Gathered, system: str) -> float | None:
    """The average over the averaged sets, or the mean on the first set that the system has."""
    comparison = gathered.comparison
    if len(comparison.averaged) > 1 and system in comparison.averages:
        return comparison.averages[system]
    first = comparison.sets[0].name
    cell = comparison.cells.get(system, {}).get(first)
    return None if cell is None else cell.mean


def quality_name(gathered: Gathered) -> str:
    """What `quality` is."""
    comparison = gathered.comparison
    if len(comparison.averaged) > 1:
        rule = next(rule for rule in comparison.sets if rule.name == comparison.averaged[0])
        return f"{rule.main}, average over {len(comparison.averaged)} sets"
    return f"{comparison.sets[0].main} on {comparison.sets[0].name}"


@dataclass(frozen=True)
class Dot:
    """A system in the plot of cost against quality.

    Attributes:
        cost: the system's.
        left: where it lies, in per cent.
        top: likewise.
        label: where its name lies, from the top.
    """

    cost: Cost
    left: float
    top: float
    label: float


@dataclass(frozen=True)
class CostPlot:
    """The plot: where each system lies, in per cent, and the marks of its axes.

    Attributes:
        dots: the systems that were evaluated.
        across: (place in per cent, words), seconds.
        up: the same of the quality, from the top.
        base: where the reference's quality lies, from the top; None where it has none.
        logarithmic: the axis of seconds.
    """

    dots: tuple[Dot, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    base: float | None
    logarithmic: bool


def cost_plot(gathered: Gathered, found: Sequence[Cost]) -> CostPlot | None:
    """None where fewer than two systems have both."""
    known = [(one, one.quality) for one in found if one.quality is not None and one.seconds > 0]
    if len(known) < 2:
        return None
    base = quality(gathered, gathered.comparison.reference)
    values = Scale.around([value for _, value in known] + ([] if base is None else [base]))
    seconds = [one.seconds for one, _ in known]
    logarithmic = max(seconds) / min(seconds) > _WIDE
    size, word = (1.0, "s") if logarithmic else _unit(max(seconds))
    place = math.log10 if logarithmic else float
    least, most = (place(one / size) for one in (min(seconds), max(seconds)))
    margin = 0.08 * (most - (least if logarithmic else 0.0))
    scale = Scale(least - margin if logarithmic else 0.0, most + margin)
    dots = [(one, _at(scale, place(one.seconds / size)), 100 - _at(values, value)) for one, value in known]
    return CostPlot(
        dots=tuple(_labelled(dots)),
        across=tuple(
            (_at(scale, tick), duration(10**tick) if logarithmic else f"{tick:g} {word}") for tick in scale.ticks()
        ),
        up=tuple((100 - _at(values, tick), f"{tick:g}") for tick in values.ticks()),
        base=None if base is None else 100 - _at(values, base),
        logarithmic=logarithmic,
    )


def _labelled(dots: Sequence[tuple[Cost, float, float]]) -> list[Dot]:
    """With names that do not lie on each other: from the top down, each below those beside it."""
    found: list[Dot] = []
    for cost, left, top in sorted(dots, key=lambda dot: dot[2]):
        label = top
        for other in found:  # their labels descend
            if abs(other.left - left) < _NAME_WIDTH and abs(other.label - label) < _NAME_HEIGHT:
                label = other.label + _NAME_HEIGHT
        found.append(Dot(cost, left, top, label))
    return found


_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def _unit(seconds: float) -> tuple[float, str]:
    return next(((size, word) for size, word in _UNITS if seconds >= 2 * size), (1.0, "s"))


def duration(seconds: float) -> str:
    """Seconds for people."""
    size, word = _unit(seconds)
    if size > 1:
        return f"{seconds / size:.1f} {word}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def _at(scale: Scale, value: float) -> float:
    return float(scale.at(value)[:-1])


def _seconds(artifact: Artifact) -> float:
    return float(artifact.manifest.get("seconds", 0.0))


def _processes(artifact: Artifact) -> int:
    return int(artifact.manifest["config"].get("trainer", {}).get("world_size", 1) or 1)


def _hours(artifact: Artifact) -> float:
    return _seconds(artifact) * _processes(artifact) / 3600


def _device(artifact: Artifact) -> str:
    return "gpu" if artifact.manifest.get("hardware", {}).get("gpus") else "cpu"


def _hardware(manifest: dict[str, Any]) -> str:
    found = manifest.get("hardware", {})
    gpus = found.get("gpus")
    if gpus:
        return f"{len(gpus)} x {gpus[0]}"
    return f"{found.get('cores', '?')} CPU cores ({found.get('machine', '?')})"
