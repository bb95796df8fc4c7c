"""One row a run of a study, from a store's manifests alone; means over seeds; what a rerun is held against.

A study's ``table.py`` says which columns name a system; this module reads the store, as ``wrank report`` does.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import yaml

from wrank.errors import WrankError
from wrank.store import Artifact, Store
from wrank.tracking.report.library import Library
from wrank.tracking.report.rows import Row, build_rows
from wrank.tracking.report.sets import find_sets
from wrank.tracking.report.table import seed_interval

RUN = (
    "study", "set", "system", "loss", "in_batch_target", "temperature", "label_temperature", "similarity", "batch_size",
    "steps", "learning_rate", "seed",
)  # fmt: skip
MEASURES = ("nDCG@10", "RR@10", "R@100", "AP")
COLUMNS = (*RUN, *MEASURES, "evaluation")
LEAST_TOLERANCE = 0.005
"""Of a mean: what another processor's rounding, or another number of threads, may move."""

Result = dict[str, str]
"""A row of a table."""


class Value(TypedDict):
    """What a mean over seeds should be."""

    value: float
    tolerance: float
    seeds: int


Expected = dict[str, dict[str, dict[str, Value]]]
"""Set -> system -> measure -> value."""


@dataclass(frozen=True)
class Study:
    """What is particular to a study.

    Attributes:
        name: of the study, of its folder and in ``study=``.
        system: columns whose values name a system; ``name`` stands for what the run was called with ``name=``.
    """

    name: str
    system: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(__file__).parent / self.name

    def systems(self, store: Path) -> list[Row]:
        """Its systems, as ``wrank report`` has them: what comparisons of the study compared.

        Raises:
            WrankError: there is no such store, or nothing of the study in it.
        """
        if not store.is_dir():
            raise WrankError(f"{store}: no such folder; wanted the store that the study was run with (WRANK_STORE)")
        library = Library(Store(store))
        trainings = [one for one in library.of_kind("model") if one.manifest["details"].get("study") == self.name]
        library.weights.learn(trainings)
        studies = library.studies()
        own = [one for one in library.of_kind("evaluation") if self.name in studies.get(one.content_key, ())]
        if not own:
            raise WrankError(f"{store}: nothing of study {self.name} in it; run.sh makes it")
        rows, _ = build_rows(library, own, trainings, find_sets(library, own, trainings))
        return [row for row in rows if any(run.evaluations for run in row.runs)]

    def rows(self, store: Path) -> list[Result]:
        """One row a run and test set, sorted; the untrained models first of their set."""
        found = []
        for row in self.systems(store):
            for run in row.runs:
                found += [self._row(row.name, run.training, name, one) for name, one in run.evaluations.items()]
        return sorted(found, key=lambda row: (row["set"], row["seed"] != "", row["system"], row["seed"]))

    def system_of(self, training: Artifact) -> str:
        """What a training's system is called: the values of `system`, those that it has."""
        facts = facts_of(training)
        return " ".join(facts[column] for column in self.system if facts[column])

    def _row(self, name: str, training: Artifact | None, place: str, evaluation: Artifact) -> Result:
        facts = {} if training is None else facts_of(training)
        named = name if training is None else self.system_of(training)
        values = {measure: f"{float(evaluation.manifest['result']['measures'][measure]):.6f}" for measure in MEASURES}
        whole = facts | values | {"study": self.name, "set": place, "system": named}
        return {column: whole.get(column, "") for column in COLUMNS[:-1]} | {"evaluation": evaluation.content_key}


def facts_of(training: Artifact) -> Result:
    """What makes a run, as text; what its loss does not have is empty."""
    config: Mapping[str, Any] = training.manifest["config"]
    loss, trainer, seed = config["loss"], config["trainer"], config["seed"]
    facts = {
        "loss": training.manifest["details"]["choices"]["loss"],
        "in_batch_target": loss.get("in_batch_target", ""),
        "temperature": loss.get("temperature", 1 / loss["scale"] if "scale" in loss else ""),
        "label_temperature": loss.get("label_temperature", ""),
        "similarity": _similarity(config),
        "batch_size": trainer["batch_size"],
        "steps": training.manifest["result"]["steps"],
        "learning_rate": trainer["learning_rate"],
        "seed": seed,
        "name": str(training.manifest["name"]).removesuffix(f"-s{seed}"),
    }
    return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in facts.items()}


def _similarity(config: Mapping[str, Any]) -> str:
    return str(config.get("model", {}).get("similarity", ""))


def read_results(path: Path) -> list[Result]:
    """The rows of a ``results.csv``.

    Raises:
        WrankError: it is missing, or has other columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
    except FileNotFoundError:
        raise WrankError(f"{path}: no such file; table.py makes it from a store") from None
    if columns != COLUMNS:
        raise WrankError(f"{path}: its columns are {', '.join(columns)}; wanted {', '.join(COLUMNS)}")
    return rows


def write_results(path: Path, rows: Sequence[Result]) -> None:
    """Writes ``results.csv``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def seeds_of(rows: Sequence[Result]) -> Iterator[tuple[str, str, str, list[float]]]:
    """(Set, system, measure, one value a seed), in the order of the rows."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        for measure in MEASURES:
            found[row["set"], row["system"], measure].append(float(row[measure]))
    for (place, system, measure), values in found.items():
        yield place, system, measure, values


def expected_of(rows: Sequence[Result]) -> Expected:
    """Means over seeds, each with half its 95% interval over seeds as tolerance, at least `LEAST_TOLERANCE`."""
    found: Expected = {}
    for place, system, measure, values in seeds_of(rows):
        interval = seed_interval(values)
        half = 0.0 if interval is None else (interval[1] - interval[0]) / 2
        found.setdefault(place, {}).setdefault(system, {})[measure] = {
            "value": round(statistics.fmean(values), 4),
            "tolerance": math.ceil(1e4 * max(LEAST_TOLERANCE, half)) / 1e4,
            "seeds": len(values),
        }
    return found


def read_expected(path: Path) -> Expected:
    """A study's ``expected.yaml``.

    Raises:
        WrankError: it is missing or not of this form.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            str(place): {
                str(system): {
                    str(measure): {
                        "value": float(one["value"]),
                        "tolerance": float(one["tolerance"]),
                        "seeds": int(one["seeds"]),
                    }
                    for measure, one in measures.items()
                }
                for system, measures in systems.items()
            }
            for place, systems in found.items()
        }
    except FileNotFoundError:
        raise WrankError(f"{path}: no such file; `table.py STORE --expect` makes it") from None
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        form = "set: {system: {measure: {value: 0.5, tolerance: 0.01, seeds: 5}}}"
        raise WrankError(f"{path}: cannot be read ({error!r}); wanted {form}") from None


def main(study: Study, words: Sequence[str]) -> int:
    """``table.py STORE [--expect]``: writes ``results.csv``, and with ``--expect`` also ``expected.yaml``."""
    stores = [word for word in words if word != "--expect"]
    if len(stores) != 1:
        print("usage: table.py STORE [--expect]", file=sys.stderr)
        return 2
    try:
        rows = study.rows(Path(stores[0]).expanduser())
    except WrankError as error:
        print(error, file=sys.stderr)
        return 2
    write_results(study.folder / "results.csv", rows)
    if "--expect" in words:
        head = (
            "# Means over seeds that a rerun is held against (experiments/check.py); made by table.py STORE --expect.\n"
        )
        text = yaml.safe_dump(expected_of(rows), sort_keys=False, default_flow_style=None, width=160)
        (study.folder / "expected.yaml").write_text(head + text, encoding="utf-8")
    print(f"{len(rows)} rows: {study.folder / 'results.csv'}")
    return 0
