"""``tuning.py STORE`` writes ``tuning.csv``: how the dev queries scored at each setting, before and after the training.

They are a third of Cranfield's *training* queries, ranked over 500 passages; the test split takes no part.
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.graded_vs_binary.table import STUDY
from experiments.results import Result, facts_of
from wrank.store import Store
from wrank.training.callback.dev import DEV_SCORES

SETTINGS = ("loss", "in_batch_target", "temperature", "label_temperature", "bias", "learning_rate", "steps", "seed")
COLUMNS = (*SETTINGS, "step", "dev nDCG@10")


def rows(store: Path) -> list[Result]:
    """One row a training and dev score, sorted."""
    found = []
    for one in Store(store).artifacts():
        if one.manifest["kind"] != "model" or one.manifest["details"]["study"] != f"{STUDY.name}_tuning":
            continue
        facts = facts_of(one)
        facts["bias"] = str(one.manifest["config"]["loss"].get("bias", ""))
        for score in json.loads((one.path / DEV_SCORES).read_text(encoding="utf-8"))["history"]:
            value = {"step": f"{score['step']:g}", "dev nDCG@10": f"{score['nDCG@10']:.4f}"}
            found.append({name: facts[name] for name in SETTINGS} | value)
    return sorted(found, key=lambda row: (*(row[name] for name in SETTINGS), int(row["step"])))


def main(words: Sequence[str]) -> int:
    """Writes the table."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("usage: python -m experiments.graded_vs_binary.tuning STORE", file=sys.stderr)
        return 2
    with (STUDY.folder / "tuning.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(Path(words[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
