"""Stage ``comparison``: several systems on several sets, with tests of significance, as a table and a page."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.errors import WrankError
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import Comparison, SetRule
from wrank.evaluation.scored import Scored, read_scored
from wrank.files import sha256_of_json, write_atomic
from wrank.manifest import read_manifest
from wrank.stage.context import Context
from wrank.stage.test_set import TestSet
from wrank.store import Artifact, Stage
from wrank.tracking.comparison_page import write_page

PAGE = "comparison.html"


def reference_of(context: Context, names: Sequence[str], default: str) -> str:
    """The system that the others are compared with.

    Args:
        context: the job.
        names: the systems.
        default: when ``reference`` is not given.

    Raises:
        WrankError: a reference that is none of them.
    """
    given = context.cfg.reference
    if given is None:
        return default
    if given not in names:
        raise WrankError(f"reference={given}: no such system in the table; wanted one of {', '.join(names)}")
    return str(given)


def compare(
    context: Context, scored: Mapping[str, Mapping[str, Sequence[Scored]]], sets: Sequence[SetRule], reference: str
) -> tuple[Artifact, Comparison]:
    """Compares, and keeps ``comparison.json``, ``table.csv`` and ``comparison.html``.

    Args:
        context: the job.
        scored: system -> set -> its evaluations, one a seed.
        sets: the sets, in the order of the table.
        reference: one of the systems.

    Raises:
        WrankError: evaluations that cannot be compared, a full disk.
    """
    alpha = context.settings.alpha
    found = compare_systems(scored, sets, reference, alpha=alpha)
    keys = {
        f"{system}/{name}/{seed}": read_manifest(one.path)["content_key"]
        for system, row in scored.items()
        for name, seeds in row.items()
        for seed, one in enumerate(seeds)
    }
    stage = Stage(
        kind="comparison",
        name=f"{context.cfg.study}-{'-'.join(dict.fromkeys(rule.name.split('/')[0] for rule in sets))}",
        config={"reference": reference, "alpha": alpha, "sets": [vars(rule) for rule in sets]},
        inputs={"evaluations": sha256_of_json(keys)},
        details={"evaluations": keys, "study": str(context.cfg.study)},
    )

    def work(folder: Path) -> dict[str, Any]:
        write_atomic(folder / "comparison.json", json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n")
        write_atomic(folder / "table.csv", to_csv(found))
        write_page(folder / PAGE, found, ", ".join(found.systems[:4]), _facts(scored))
        return {"systems": len(found.systems), "sets": len(found.sets)}

    return context.do(stage, work), found


def outcome(scored: Mapping[str, Mapping[str, Scored]], tests: Sequence[TestSet], reference: str) -> dict[str, Any]:
    """What a job's ``result.json`` says of its evaluations: enough to compare several jobs; see `read_outcome`."""
    return {
        "reference": reference,
        "sets": [vars(test.rule) for test in tests],
        "evaluations": {name: {where: str(one.path) for where, one in row.items()} for name, row in scored.items()},
    }


def read_outcome(result: Mapping[str, Any]) -> tuple[list[SetRule], dict[str, dict[str, Scored]]]:
    """The sets and the evaluations that `outcome` told of.

    Raises:
        WrankError: an evaluation that is no finished artifact (any more).
    """
    sets = [SetRule(**rule) for rule in result["sets"]]
    rows = result["evaluations"].items()
    return sets, {name: {where: read_scored(Path(path), name) for where, path in row.items()} for name, row in rows}


def to_csv(comparison: Comparison) -> str:
    """One row a system, set and measure: mean over seeds; of the main measure also interval, difference and p."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    head = ["system", "set", "measure", "value", "low", "high", "std", "seeds", "difference", "p_randomisation"]
    rows.writerow([*head, "p_t", "p_holm", "effect"])
    for system in comparison.systems:
        for rule in comparison.sets:
            cell = comparison.cells[system].get(rule.name)
            for measure, value in comparison.measures[system].get(rule.name, {}).items():
                more: list[Any] = [""] * 9
                if cell is not None and measure == rule.main:
                    difference = None if cell.difference is None else cell.difference.mean
                    more = [cell.low, cell.high, cell.std, cell.seeds, difference]
                    more += [cell.p_randomisation, cell.p_t, cell.p_holm, cell.effect]
                rows.writerow([system, rule.name, measure, value, *more])
    return out.getvalue()


def _facts(scored: Mapping[str, Mapping[str, Sequence[Scored]]]) -> dict[str, str]:
    """What a reader of the page needs to know about the runs."""
    one = next(seeds[0] for row in scored.values() for seeds in row.values())
    manifest = read_manifest(one.path)
    facts = {"wrank": __version__, "commit": str(manifest.get("git", {}).get("commit", "")) or "unknown"}
    facts |= {name: str(number) for name, number in manifest.get("packages", {}).items()}
    for system, row in scored.items():
        for name, seeds in row.items():
            counts = seeds[0].result.get("counts", {})
            told = [f"{words.replace('_', ' ')}: {counts[words]:,}" for words in sorted(counts) if counts[words]]
            facts[f"{system} on {name}"] = ", ".join(told)
    return facts
