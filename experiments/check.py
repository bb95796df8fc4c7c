"""``python -m experiments.check STUDY [STORE]``: does a rerun of a study come out as it did?

Means over seeds are held against the study's ``expected.yaml``: of the runs in STORE, or, without one, of the study's
own ``results.csv``. What is off is printed as a table; the exit code is 0 (all fits), 1 (something is off) or 2 (bad
input).
"""

import importlib
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.results import Expected, Result, Study, read_expected, read_results, seeds_of
from wrank.errors import WrankError

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Off:
    """One mean that is not as expected.

    Attributes:
        place: the test set.
        system: of the study.
        measure: the measure.
        expected: the value, with its tolerance.
        found: the mean, or what is wrong.
    """

    place: str
    system: str
    measure: str
    expected: str
    found: str


def compare(rows: Sequence[Result], expected: Expected) -> list[Off]:
    """What is missing, has fewer or more seeds, or is further from its value than its tolerance.

    Systems that are not expected are no fault: a rerun may try more.
    """
    found = {(place, system, measure): values for place, system, measure, values in seeds_of(rows)}
    off = []
    for place, systems in expected.items():
        for system, measures in systems.items():
            for measure, one in measures.items():
                values = found.get((place, system, measure), [])
                told = f"{one['value']:.4f} +- {one['tolerance']:.4f}"
                if len(values) != one["seeds"]:
                    off.append(Off(place, system, measure, f"{one['seeds']} seeds", f"{len(values)} seeds"))
                elif abs((mean := statistics.fmean(values)) - one["value"]) > one["tolerance"] + 1e-9:
                    off.append(Off(place, system, measure, told, f"{mean:.4f} ({mean - one['value']:+.4f})"))
    return off


def table(off: Sequence[Off]) -> str:
    """The faults as aligned columns."""
    lines = [("set", "system", "measure", "expected", "found")]
    lines += [(one.place, one.system, one.measure, one.expected, one.found) for one in off]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def study_of(name: str) -> Study:
    """The study with this name.

    Raises:
        WrankError: there is no such study, or it has nothing to be held against.
    """
    known = sorted(path.parent.name for path in HERE.glob("*/expected.yaml"))
    if name not in known:
        raise WrankError(f"{name}: no study with an expected.yaml; there are {', '.join(known)}")
    study: Study = importlib.import_module(f"experiments.{name}.table").STUDY
    return study


def main(words: Sequence[str]) -> int:
    """One check; see the module."""
    if len(words) not in (1, 2):
        print("usage: python -m experiments.check STUDY [STORE]", file=sys.stderr)
        return 2
    try:
        study = study_of(words[0])
        expected = read_expected(study.folder / "expected.yaml")
        rows = (
            study.rows(Path(words[1]).expanduser()) if len(words) == 2 else read_results(study.folder / "results.csv")
        )
        off = compare(rows, expected)
    except WrankError as error:
        print(error, file=sys.stderr)
        return 2
    checked = sum(len(measures) for systems in expected.values() for measures in systems.values())
    if off:
        print(table(off))
    print(f"{study.name}: {checked - len(off)} of {checked} means are as expected")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
