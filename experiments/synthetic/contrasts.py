"""``contrasts.py STORE`` writes ``contrasts.csv``: what each of the study's three choices does, all else averaged.

Each query counts with its mean nDCG@10 over the systems (and seeds) with one choice, less that with the other: paired,
with a bootstrap interval and a randomisation test over queries, corrected for the three (Holm).
"""

import csv
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.results import Result
from experiments.synthetic.table import STUDY
from wrank.evaluation.scored import read_scored
from wrank.evaluation.significance import bootstrap_interval, holm, randomisation_test

MEASURE = "nDCG@10"
CONTRASTS = {
    "sample - smollm2": ("sample", "smollm2"),
    "4 levels - 2": ("_4", "_2"),
    "ws2 - infonce": ("ws2", "infonce"),
}
COLUMNS = ("contrast", "seeds", "queries", "difference", "low", "high", "p", "p_holm")


def query_values(store: Path) -> dict[str, list[dict[str, float]]]:
    """System -> one dictionary a seed, query id -> the measure."""
    found: dict[str, list[dict[str, float]]] = {}
    for row in STUDY.systems(store):
        if not row.trainings:
            continue
        own = [read_scored(one.path, row.name).per_query for run in row.runs for one in run.evaluations.values()]
        found[STUDY.system_of(row.trainings[0])] = [
            {query: values[MEASURE] for query, values in one.items()} for one in own
        ]
    return found


def rows(values: dict[str, list[dict[str, float]]]) -> list[Result]:
    """One row a contrast."""
    queries = sorted(next(iter(values.values()))[0])
    found: list[Result] = []
    p_values = []
    for name, (one, other) in CONTRASTS.items():
        means = [
            [
                statistics.fmean(run[query] for system, runs in values.items() if word in system for run in runs)
                for query in queries
            ]
            for word in (one, other)
        ]
        differences = [a - b for a, b in zip(*means, strict=True)]
        low, high = bootstrap_interval(differences)
        p_values.append(randomisation_test(means[1], means[0]))
        numbers = (statistics.fmean(differences), low, high, p_values[-1])
        seeds, count = str(len(next(iter(values.values())))), str(len(queries))
        found.append(dict(zip(COLUMNS, (name, seeds, count, *(f"{value:+.4f}" for value in numbers)), strict=False)))
    for row, p in zip(found, holm(p_values), strict=True):
        row |= {"p": row["p"].removeprefix("+"), "p_holm": f"{p:.4f}"}
    return found


def main(words: Sequence[str]) -> int:
    """Writes the table."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("usage: python -m experiments.synthetic.contrasts STORE", file=sys.stderr)
        return 2
    with (STUDY.folder / "contrasts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(query_values(Path(words[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
