"""The README's tables of methods and of losses by labels, from what the code and ``methods.yaml`` say.

``python -m experiments.methods.table`` prints them; with ``--write`` it puts them into the README between their marks.
"""

import sys
from pathlib import Path

import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf

from wrank.config import conf_folder
from wrank.loss.base import Loss
from wrank.loss.guide import GUIDE

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
NEEDS = {
    "teacher": "teacher scores",
    "pairs": "preferences",
    "paraphrases": "paraphrases",
    "grades": "two grades a list",
}


def methods() -> dict[str, dict[str, str]]:
    """Experiment -> name, source, data, tested, test; what ``methods.yaml`` leaves out comes from the loss."""
    rows: dict[str, dict[str, str]] = yaml.safe_load((HERE / "methods.yaml").read_text(encoding="utf-8"))
    return {f"methods_{name}": _row(f"methods_{name}", row) for name, row in rows.items()}


def _row(experiment: str, row: dict[str, str]) -> dict[str, str]:
    option, loss = loss_of(experiment)
    needs = " and ".join(NEEDS[need] for need in sorted(loss.needs)) or "a positive a query"
    return {"source": loss.source, "data": needs, "test": f"tests/unit/loss/test_{option}.py"} | row


def loss_of(experiment: str) -> tuple[str, Loss]:
    """The loss that an experiment selects: option, and object."""
    defaults = OmegaConf.load(conf_folder() / "experiment" / f"{experiment}.yaml").defaults
    option = next((str(one["override /loss"]) for one in defaults if "override /loss" in one), "infonce")
    made: Loss = instantiate(OmegaConf.load(conf_folder() / "loss" / f"{option}.yaml"))
    return option, made


def methods_table() -> str:
    """One row a method."""
    lines = [
        "| method | where the formula comes from | data needed | `experiment=` | tested against |",
        "|---|---|---|---|---|",
    ]
    for experiment, row in methods().items():
        tested = f"{row['tested']} ([test]({row['test']}))"
        cells = (row["name"], row["source"], row["data"], f"`{experiment}`", tested)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def guide_table() -> str:
    """From labels to a loss."""
    lines = ["| your labels | begin with | compare with | why |", "|---|---|---|---|"]
    for row in GUIDE:
        others = ", ".join(f"`{name}`" for name in row.others)
        lines.append(f"| {row.labels} | `loss={row.first}` | {others} | {row.why} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """A text with the tables put in between their marks.

    Raises:
        ValueError: a mark that is missing.
    """
    for name, table in (("methods", methods_table()), ("guide", guide_table())):
        start, end = f"<!-- {name}: made by experiments/methods/table.py -->\n", f"\n<!-- end of {name} -->"
        if start not in text or end not in text:
            raise ValueError(f"no marks for the table {name!r}")
        head, _, rest = text.partition(start)
        text = head + start + table + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(f"{guide_table()}\n\n{methods_table()}")
