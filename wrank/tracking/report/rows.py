"""The rows of a report: runs that differ in nothing but the seed are one system."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wrank.store import Artifact
from wrank.tracking.report.configuration import CHOICE, differing, flat, labels
from wrank.tracking.report.library import Library, without_seed
from wrank.tracking.report.sets import Sets

_NO_RANKING = (
    "measures",
    "frequencies",
    "paraphrases",
    "relevant",
)  # change what is told of a ranking, not the ranking
_RANKS = ("similarity", "normalize", "pooling", "query_length", "passage_length", "query_prompt", "passage_prompt")


@dataclass(frozen=True)
class Run:
    """One training of a system, or a system that was not trained here.

    Attributes:
        training: the artifact; None = evaluated as it came.
        seed: of the training.
        evaluations: set's name -> the evaluation.
    """

    training: Artifact | None
    seed: int | None
    evaluations: Mapping[str, Artifact]


@dataclass(frozen=True)
class Row:
    """A system.

    Attributes:
        name: what it is called in tables.
        runs: one a seed, ascending.
        checkpoint: ``best`` or ``last`` of its trainings.
    """

    name: str
    runs: tuple[Run, ...]
    checkpoint: str | None = None

    @property
    def trainings(self) -> list[Artifact]:
        """Of all seeds."""
        return [run.training for run in self.runs if run.training is not None]

    @property
    def manifest(self) -> dict[str, Any]:
        """Of its first training, or else of its first evaluation."""
        first = self.runs[0]
        return (first.training or next(iter(first.evaluations.values()))).manifest

    @property
    def config(self) -> dict[str, Any]:
        """What makes it, without the seed, as dotted keys; inputs and the choices' names with it."""
        manifest = self.manifest
        found = {f"{CHOICE}{group}": option for group, option in (manifest["details"].get("choices") or {}).items()}
        found |= flat(without_seed(manifest["config"]))
        return found | {f"inputs.{word}": key for word, key in manifest["inputs"].items()}


@dataclass(frozen=True)
class _One:
    """An evaluation on its way to a row."""

    evaluation: Artifact
    place: str
    training: Artifact | None
    checkpoint: str | None
    made: Mapping[str, Any] = field(default_factory=dict)  # of an untrained model: the keys it was loaded with

    @property
    def name(self) -> str:
        """The system's, without the seed."""
        name = str(self.evaluation.manifest["details"].get("model") or self.evaluation.manifest["name"])
        return name if self.training is None else name.removesuffix(f"-s{_seed(self.training)}")

    @property
    def settings(self) -> dict[str, Any]:
        """How it was ranked, beside the weights."""
        config = {key: value for key, value in self.evaluation.manifest["config"].items() if key not in _NO_RANKING}
        found = flat(config)
        if self.training is None:
            inputs = self.evaluation.manifest["inputs"]
            found |= {f"inputs.{word}": key for word, key in inputs.items() if word != "collection"}
            found |= {f"model.{key}": self.made[key] for key in _RANKS if key in self.made}
        else:
            found.pop("scorer.fingerprint", None)
        return found


def build_rows(
    library: Library, evaluations: Sequence[Artifact], trainings: Sequence[Artifact], sets: Sets
) -> tuple[list[Row], list[str]]:
    """The rows, in the order in which they were first trained or evaluated.

    A system that was evaluated in several ways on one set (another index, another depth) is several rows. Trainings
    without an evaluation are rows without one, unless they are a step of another training (see `is_step`); a system
    that was evaluated on other sets alone is none.

    Returns:
        The rows, and what a reader must know about them.
    """
    notes: list[str] = []
    bases = {str(one.manifest["inputs"].get("model")): one.manifest["config"].get("model") or {} for one in trainings}
    elsewhere: set[Path] = set()
    groups: dict[tuple[str, ...], list[_One]] = defaultdict(list)
    for evaluation in evaluations:
        weights = library.maker(evaluation)
        if (place := sets.of(evaluation)) is None:
            elsewhere |= set() if weights is None else {weights.training.path}
            continue
        if weights is None:
            base = bases.get(str(evaluation.manifest["inputs"].get("model")), {})
            one = _One(evaluation, place, None, None, base)
            groups["untrained", one.name].append(one)
        else:
            one = _One(evaluation, place, weights.training, weights.checkpoint)
            groups[library.seedless(weights.training.manifest), weights.checkpoint].append(one)
    rows: list[Row] = []
    for (_, *_rest), own in groups.items():
        rows += _variants(own, notes)
    return _told_apart(_with_unevaluated(library, trainings, rows, elsewhere)), notes


def is_step(library: Library, training: Artifact) -> bool:
    """Whether something else was made from a training: a later round, a teacher's scores, a ranking for negatives."""
    found = library.weights.found.items()
    own = {training.content_key, *(key for key, one in found if one.training.path == training.path)}
    return bool(own & library.needed)


def _variants(own: Sequence[_One], notes: list[str]) -> list[Row]:
    """The rows of a system: one, or one for each way in which it was evaluated."""
    by_place: dict[str, list[_One]] = defaultdict(list)
    for one in own:
        by_place[one.place].append(one)
    keys = list(dict.fromkeys(key for ones in by_place.values() for key in differing([one.settings for one in ones])))
    told = labels([{key: value for key, value in one.settings.items() if key in keys} for one in own])
    parts: dict[str, list[_One]] = defaultdict(list)
    for one, words in zip(own, told, strict=True):
        parts[words].append(one)
    rows = []
    for label, ones in parts.items():
        name = Counter(one.name for one in sorted(ones, key=lambda one: str(one.evaluation.path))).most_common(1)[0][0]
        rows.append(Row(f"{name} [{label}]" if label else name, tuple(_runs(ones, name, notes)), ones[0].checkpoint))
    return rows


def _runs(ones: Sequence[_One], name: str, notes: list[str]) -> list[Run]:
    by_run: dict[str, dict[str, Artifact]] = defaultdict(dict)
    trainings = {_path(one): one.training for one in ones}
    for one in ones:
        seeds = by_run[_path(one)]
        if one.place in seeds:
            notes.append(
                f"{name} has more than one evaluation on {one.place} that differ in what was measured alone: the "
                f"newest counts ({one.evaluation.path.name})"
            )
        seeds[one.place] = one.evaluation
    runs = [Run(trainings[path], _seed(trainings[path]), evaluations) for path, evaluations in by_run.items()]
    return sorted(runs, key=lambda run: -1 if run.seed is None else run.seed)


def _path(one: _One) -> str:
    return "" if one.training is None else str(one.training.path)


def _with_unevaluated(
    library: Library, trainings: Sequence[Artifact], rows: Sequence[Row], elsewhere: Collection[Path]
) -> list[Row]:
    """With the trainings that no row has: as more runs of the row of their other seeds, or as rows of their own."""
    had = {training.path for row in rows for training in row.trainings}
    left = [one for one in trainings if one.path not in had and not is_step(library, one)]
    found = list(rows)
    places = {library.seedless(row.trainings[0].manifest): place for place, row in enumerate(found) if row.trainings}
    for one in left:
        run, identity = Run(one, _seed(one), {}), library.seedless(one.manifest)
        if identity not in places:
            if one.path in elsewhere:
                continue
            places[identity] = len(found)
            found.append(Row(_name(one), (run,)))
            continue
        row = found[places[identity]]
        runs = sorted([*row.runs, run], key=lambda run: run.seed or 0)
        found[places[identity]] = replace(row, runs=tuple(runs))
    return found


def _name(training: Artifact) -> str:
    return str(training.manifest["name"]).removesuffix(f"-s{_seed(training)}")


def _seed(training: Artifact | None) -> int | None:
    return None if training is None else training.manifest["config"].get("seed")


_SPOKEN = tuple(f"{CHOICE}{group}" for group in ("loss", "model", "generator", "rounds"))


def _told_apart(rows: Sequence[Row]) -> list[Row]:
    """Rows with names that tell them apart: by checkpoint, by what is configured otherwise, by number at the last."""
    renamed = list(rows)
    for name, places in _alike(renamed):
        checkpoints = {renamed[place].checkpoint for place in places}
        alike = {json.dumps(renamed[place].config, sort_keys=True) for place in places}
        if len(checkpoints) == len(places) and len(alike) == 1:
            told: Sequence[str] = [str(renamed[place].checkpoint) for place in places]
        else:
            told = labels([_without_resolved(renamed[place].config) for place in places])
        for place, words in zip(places, told, strict=True):
            renamed[place] = replace(renamed[place], name=f"{name} [{words}]" if words else name)
    for name, places in _alike(renamed):
        for number, place in enumerate(places, 1):
            renamed[place] = replace(renamed[place], name=f"{name} ({number})")
    return renamed


def _without_resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the names of options, which their values tell apart better, but for those that people speak of."""
    return {key: value for key, value in config.items() if not key.startswith(CHOICE) or key in _SPOKEN}


def _alike(rows: Sequence[Row]) -> list[tuple[str, list[int]]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row.name].append(place)
    return [(name, own) for name, own in places.items() if len(own) > 1]
