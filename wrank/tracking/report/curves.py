"""Learning curves: loss and dev measure by step, from the trainings' ``metrics.csv``; each seed, and their mean."""

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wrank.store import Artifact
from wrank.tracking.comparison_plot import Scale
from wrank.tracking.report.gather import Gathered

LOSS = "train/loss"
_POINTS = 160  # of a curve; more are means of neighbours
_DRAWN = 24  # systems with a panel

Curve = tuple[tuple[float, float], ...]
"""(Step, value), steps ascending."""


@dataclass(frozen=True)
class Panel:
    """One system's curves of one figure.

    Attributes:
        system: its name.
        seeds: path of each seed's curve.
        mean: path of their mean; empty where the seeds share no step.
        last: the mean's last value; None where it is empty.
        others: paths of the other systems' means, where they are on the same scale.
        steps: the scale of steps.
        values: the scale of values.
    """

    system: str
    seeds: tuple[str, ...]
    mean: str
    last: float | None
    others: tuple[str, ...]
    steps: Scale
    values: Scale


@dataclass(frozen=True)
class Figure:
    """The panels of one figure: the loss, or a dev measure.

    Attributes:
        name: e.g. ``train/loss``.
        panels: a system each.
        shared: all panels have one scale.
        left_out: systems with curves that are not drawn.
    """

    name: str
    panels: tuple[Panel, ...]
    shared: bool
    left_out: int = 0


def read_curves(training: Artifact) -> dict[str, Curve]:
    """Column of ``metrics.csv`` -> curve; empty where the training keeps none."""
    path: Path = training.path / "metrics.csv"
    if not path.is_file():
        return {}
    found: dict[str, dict[float, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name == "step" or not text or not row.get("step"):
                    continue
                value = float(text)
                if math.isfinite(value):
                    found.setdefault(name, {})[float(row["step"])] = value
    return {name: tuple(sorted(points.items())) for name, points in found.items()}


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over seeds at the steps that all of them have."""
    if not curves:
        return ()
    tables = [dict(curve) for curve in curves]
    common = sorted(set.intersection(*(set(one) for one in tables)))
    return tuple((step, sum(one[step] for one in tables) / len(tables)) for step in common)


def thinned(curve: Curve, most: int = _POINTS) -> Curve:
    """A curve of at most so many points: the means of neighbours, which keeps a noisy loss readable."""
    if len(curve) <= most:
        return curve
    bounds = [len(curve) * place // most for place in range(most + 1)]
    parts = [curve[start:end] for start, end in itertools.pairwise(bounds)]
    return tuple(
        (sum(step for step, _ in part) / len(part), sum(value for _, value in part) / len(part)) for part in parts
    )


def figures(gathered: Gathered) -> list[Figure]:
    """The loss, each system on its own scale where the losses are several; then the dev measures, on one scale."""
    curves = {row.name: [read_curves(one) for one in row.trainings] for row in gathered.rows if row.trainings}
    mains = {rule.main for rule in gathered.comparison.sets}
    names = dict.fromkeys(name for seeds in curves.values() for one in seeds for name in one)
    dev = [name for name in names if name.startswith("val/")]
    dev = [name for name in dev if name.rpartition("/")[2] in mains] or dev[:1]
    losses = {str((row.manifest["details"].get("choices") or {}).get("loss")) for row in gathered.rows if row.trainings}
    found = [_figure(LOSS, curves, shared=len(losses) == 1)] if LOSS in names else []
    return found + [_figure(name, curves, shared=True) for name in dev]


def _figure(name: str, curves: Mapping[str, Sequence[Mapping[str, Curve]]], shared: bool) -> Figure:
    own = {
        system: [thinned(one[name]) for one in seeds if one.get(name)]
        for system, seeds in curves.items()
        if any(one.get(name) for one in seeds)
    }
    means = {system: thinned(mean_curve([one[name] for one in curves[system] if one.get(name)])) for system in own}
    every = [curve for seeds in own.values() for curve in seeds]
    steps = Scale(0.0, max(step for curve in every for step, _ in curve))
    panels = []
    for system, seeds in list(own.items())[:_DRAWN]:
        values = Scale.around(value for curve in (every if shared else seeds) for _, value in curve)
        others = [_path(mean, steps, values) for other, mean in means.items() if other != system] if shared else []
        last = means[system][-1][1] if means[system] else None
        paths = tuple(_path(curve, steps, values) for curve in seeds)
        panels.append(Panel(system, paths, _path(means[system], steps, values), last, tuple(others), steps, values))
    return Figure(name, tuple(panels), shared, max(0, len(own) - _DRAWN))


def _path(curve: Curve, steps: Scale, values: Scale) -> str:
    """A path in a box of 1000 x 200 that is stretched to its place; a single point is a short line."""
    places = [(10 * float(steps.at(step)[:-1]), 200 - 2 * float(values.at(value)[:-1])) for step, value in curve]
    if len(places) == 1:
        places.append((places[0][0] + 8, places[0][1]))
    return " ".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(places))
