"""The jobs of a sweep as tables: which of them belong together, what their rows are called, which one is the reference.

Jobs stand in one table when they were scored on the same collections by the same rules and have the same reference:
the very same evaluations of it, not only its name. They share a row, as seeds of one system, when nothing but the seed
tells their overrides apart.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import Comparison
from wrank.evaluation.scored import Scored
from wrank.stage.comparison import read_one, rules_of

Job = Mapping[str, Any]
"""What a job's ``result.json`` holds: what `outcome` says, ``name``, ``overrides`` and ``choices``."""

_IN_THE_NAME = ("model=", "loss=", "model.path=")  # the row's first words tell of these already
_OWN = "own"


@dataclass(frozen=True)
class SweepTable:
    """Jobs that can be compared with each other.

    Attributes:
        rows: row's name -> its jobs, which are seeds of one system.
        reference: the system that the others are compared with.
        unmet: the reference that was asked for, when there is no such row or system; else None.
    """

    rows: Mapping[str, Sequence[Job]]
    reference: str
    unmet: str | None = None

    @property
    def jobs(self) -> list[Job]:
        """All jobs of the table."""
        return [job for jobs in self.rows.values() for job in jobs]


def sweep_tables(results: Sequence[Job]) -> list[SweepTable]:
    """The tables of a sweep, in the order of their first jobs.

    A reference that was asked for is looked for among the systems that stand beside the jobs' own (base, baselines),
    then among the rows: by name, by the name of a job, or by words that only one row has. Where it is found all jobs
    stand in one table; else those with one default reference do.
    """
    alike: dict[str, list[Job]] = defaultdict(list)
    for job in results:
        alike[json.dumps([job["sets"], job["collections"], job["alpha"], job["asked"]], sort_keys=True)].append(job)
    return [table for jobs in alike.values() for table in _by_reference(named_rows(jobs), jobs[0]["asked"])]


def _by_reference(rows: Mapping[str, Sequence[Job]], asked: str | None) -> list[SweepTable]:
    unmet = None
    if asked is not None:
        beside = {_of(job, asked) for jobs in rows.values() for job in jobs if asked in _others(job)}
        row = None if beside else wanted_row(asked, rows)
        if len(beside) == 1 or row is not None:
            return [SweepTable(rows, row or asked)]
        unmet = None if beside else asked
    parts: dict[str, dict[str, list[Job]]] = defaultdict(lambda: defaultdict(list))
    for name, jobs in rows.items():
        for job in jobs:
            own = job["reference"] == job["name"]
            parts[_OWN if own else _of(job, job["reference"])][name].append(job)
    return [
        SweepTable(part, next(iter(part)) if key == _OWN else _first(part)["reference"], unmet)
        for key, part in parts.items()
    ]


def _first(rows: Mapping[str, Sequence[Job]]) -> Job:
    return next(iter(rows.values()))[0]


def _others(job: Job) -> list[str]:
    return [system for system in job["evaluations"] if system != job["name"]]


def _of(job: Job, system: str) -> str:
    """The evaluations of a system, as one word."""
    return json.dumps([system, job["evaluations"][system]], sort_keys=True)


def wanted_row(asked: str, rows: Mapping[str, Sequence[Job]]) -> str | None:
    """The row that is meant by its name, by the name of one of its jobs, or by words that no other row has."""
    words = set(asked.split())
    called = [name for name, jobs in rows.items() if any(job["name"] == asked for job in jobs)]
    having = [name for name, jobs in rows.items() if words <= {*name.split(), *jobs[0]["overrides"]}]
    return next((found[0] for found in ([asked] if asked in rows else [], called, having) if len(found) == 1), None)


def named_rows(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Jobs by row: those whose overrides differ in the seed alone share one.

    A row is called by model, loss, and every other word that is not the same in all jobs. Where that is not enough to
    tell two rows apart (two folders of one name), the model's and the loss's words are named, too.
    """
    rows: dict[tuple[str, ...], list[Job]] = defaultdict(list)
    for job in jobs:
        rows[tuple(word for word in job["overrides"] if not word.lstrip("+").startswith("seed="))].append(job)
    common = set.intersection(*map(set, rows)) if rows else set()
    names = [_name(own[0], words, common) for words, own in rows.items()]
    if len(set(names)) < len(names):
        names = [
            _name(own[0], words, common, whole=names.count(name) > 1)
            for name, (words, own) in zip(names, rows.items(), strict=True)
        ]
    found: dict[str, list[Job]] = {}
    for name, own in zip(names, rows.values(), strict=True):
        free = (label for number in range(1, len(names) + 1) if (label := _numbered(name, number)) not in found)
        found[next(free)] = own
    return found


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def _name(job: Job, words: Sequence[str], common: set[str], *, whole: bool = False) -> str:
    kept = [word for word in words if word not in common and (whole or not word.startswith(_IN_THE_NAME))]
    return (
        " ".join([job.get("base_name", job["name"]), job["choices"].get("loss", ""), *kept]).replace("  ", " ").strip()
    )


def compare_table(table: SweepTable) -> tuple[Comparison, dict[str, dict[str, list[Scored]]]]:
    """Compares the systems of a table.

    Returns:
        The comparison, and the evaluations by system and set: an evaluation that two jobs share counts once.

    Raises:
        WrankError: an evaluation that is no finished artifact (any more), evaluations that cannot be compared.
    """
    read = functools.cache(read_one)
    scored: dict[str, dict[str, list[Scored]]] = {}
    for name, jobs in table.rows.items():
        row = scored.setdefault(name, {})
        for job in jobs:
            for where, path in job["evaluations"][job["name"]].items():
                seeds = row.setdefault(where, [])
                if str(path) not in [str(one.path) for one in seeds]:
                    seeds.append(read(path, name))
    for name, jobs in table.rows.items():
        for job in jobs:
            for system in _others(job):
                paths = job["evaluations"][system]
                known = {where: [str(one.path) for one in seeds] for where, seeds in scored.get(system, {}).items()}
                if known and known == {where: [str(path)] for where, path in paths.items()}:
                    continue
                label = f"{system} ({name})" if known else system
                scored[label] = {where: [read(path, label)] for where, path in paths.items()}
    first = table.jobs[0]
    return compare_systems(scored, rules_of(first), table.reference, alpha=first["alpha"]), scored
