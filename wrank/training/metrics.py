"""The CSV of a training's figures, whole after any number of kills.

Lightning's CSVLogger begins a new file in each try; the tries' files are joined when the training is finished.
"""

import csv
import shutil
from pathlib import Path

METRICS = "metrics.csv"


def new_log(folder: Path) -> str:
    """A name for this try's log folder: log-0, log-1, ..."""
    return f"log-{len(list(folder.glob('log-*')))}"


def merge_logs(folder: Path) -> None:
    """Joins the tries' files into ``metrics.csv``; where two tries logged the same figure of a step, the later counts.

    Args:
        folder: holds ``log-*/metrics.csv``.
    """
    rows: list[dict[str, str]] = []
    logs = sorted(folder.glob("log-*"), key=lambda path: int(path.name.removeprefix("log-")))
    for log in logs:
        path = log / METRICS
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            fresh = list(csv.DictReader(lines))
        rows = [row for row in rows if not _done_again(row, fresh)] + fresh
    rows.sort(key=lambda row: int(row["step"]))  # stable: within a step in the order of logging
    names = list(dict.fromkeys(["step", *(name for row in rows for name in row if name not in ("step", "epoch"))]))
    with (folder / METRICS).open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, names, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for log in logs:
        shutil.rmtree(log)


def _done_again(row: dict[str, str], later: list[dict[str, str]]) -> bool:
    """Whether a later try logged a figure of this row's step anew; a dev score just before the kill is not."""
    names = {name for name, value in row.items() if value and name not in ("step", "epoch")}
    return any(other["step"] == row["step"] and any(other.get(name) for name in names) for other in later)
