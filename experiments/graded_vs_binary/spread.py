"""``spread.py STORE`` writes ``spread.csv``: what training did to the scores of the test queries, a row a system.

- ``order``: share of the pairs of passages with different grades that stand in the right order.
- ``judged``: mean score of relevant passages; ``rank_100``: mean score of what stands at rank 100, hardly relevant.
- ``gap``: the first less the second: how far relevant passages stand out.

Means over seeds. Scores are cosines, but for the published regime.
"""

import csv
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.graded_vs_binary.table import STUDY
from experiments.results import Result
from wrank.store import Artifact
from wrank.tracking.report.rows import Row

RANK = 100
COLUMNS = ("set", "system", "seeds", "order", "judged", f"rank_{RANK}", "gap")


def spread(evaluation: Artifact) -> tuple[float, float, float]:
    """Order, judged and rank_100 of one evaluation."""
    found = json.loads((evaluation.path / "diagnosis.json").read_text(encoding="utf-8"))["calibration"]
    seen = [(one["passages"] - one["outside_run"], one["mean_score"]) for one in found["grades"].values()]
    judged = sum(count * score for count, score in seen) / sum(count for count, _ in seen)
    lines = (line.split() for line in (evaluation.path / "run.trec").read_text(encoding="utf-8").split("\n") if line)
    far = [float(score) for _, _, _, rank, score, _ in lines if int(rank) == RANK]
    return float(found["all"]["accuracy"]), judged, statistics.fmean(far)


def _of_system(system: Row) -> Iterator[Result]:
    name = STUDY.system_of(system.trainings[0]) if system.trainings else system.name
    for place in dict.fromkeys(place for run in system.runs for place in run.evaluations):
        values = [spread(run.evaluations[place]) for run in system.runs if place in run.evaluations]
        order, judged, far = (statistics.fmean(column) for column in zip(*values, strict=True))
        numbers = [f"{value:.4f}" for value in (order, judged, far, judged - far)]
        yield dict(zip(COLUMNS, (place, name, str(len(values)), *numbers), strict=True))


def main(words: Sequence[str]) -> int:
    """Writes the table."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("usage: python -m experiments.graded_vs_binary.spread STORE", file=sys.stderr)
        return 2
    found = [row for system in STUDY.systems(Path(words[0])) for row in _of_system(system)]
    with (STUDY.folder / "spread.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(found, key=lambda row: row["set"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
