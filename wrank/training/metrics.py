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


def merge_logs(folder: Path, resumed_at: int) -> None:
    """Joins the tries' files into ``metrics.csv``; where two tries logged one step, the later try counts.

    Args:
        folder: holds ``log-*/metrics.csv``.
        resumed_at: optimizer steps that the last try began with.
    """
    rows: list[dict[str, str]] = []
    logs = sorted(folder.glob("log-*"), key=lambda path: int(path.name.removeprefix("log-")))
    for log in logs:
        path = log / METRICS
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            fresh = list(csv.DictReader(lines))
        first = min((int(row["step"]) for row in fresh), default=resumed_at)
        rows = [row for row in rows if int(row["step"]) < first] + fresh
    names = list(dict.fromkeys(["step", *(name for row in rows for name in row if name not in ("step", "epoch"))]))
    with (folder / METRICS).open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, names, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for log in logs:
        shutil.rmtree(log)
