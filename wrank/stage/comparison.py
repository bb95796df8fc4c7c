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
from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.evaluation.scored import Scored, read_scored
from wrank.files import sha256_of_json, write_atomic
from wrank.manifest import read_manifest
from wrank.stage.context import Context
from wrank.stage.test_set import TestSet
from wrank.store import Artifact, Stage
from wrank.tracking.comparison_page import write_page

PAGE = "comparison.html"


def reference_of(context: Context, names: Sequence[str], default: str, *, several: bool = False) -> str:
    """The system that the others are compared with.

    Args:
        context: the job.
        names: the systems.
        default: when ``reference`` is not given.
        several: the job is one of a sweep; a reference that is none of its systems may be another job's, which the
            sweep's table finds out in the end (see `wrank.stage.sweep`), and the default stands in for it here.

    Raises:
        WrankError: a reference that is none of them.
    """
    given = context.cfg.reference
    if given is None or (several and given not in names):
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
    study = str(context.cfg.study)
    stage = Stage(
        kind="comparison",
        name=f"{study}-{'-'.join(dict.fromkeys(rule.name.split('/')[0] for rule in sets))}",
        # the study is part of the key: another study that finds all of it made has a comparison of its own, by which
        # `wrank report STUDY` knows what belongs to it
        config={"reference": reference, "alpha": alpha, "sets": [vars(rule) for rule in sets], "study": study},
        inputs={"evaluations": sha256_of_json(keys)},
        details={"evaluations": keys, "study": study},
    )

    def work(folder: Path) -> dict[str, Any]:
        write_files(folder, found, ", ".join(found.systems[:4]), facts_of(scored))
        return {"systems": len(found.systems), "sets": len(found.sets)}

    return context.do(stage, work), found


def write_files(
    folder: Path, comparison: Comparison, title: str, facts: Mapping[str, str], prefix: str = ""
) -> list[Path]:
    """Writes ``comparison.html``, ``comparison.json`` and ``table.csv``.

    Args:
        folder: where; it exists.
        comparison: what they hold.
        title: heading of the page.
        facts: name -> value, at the page's end.
        prefix: before each file's name.

    Returns:
        The files, the page first.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    page, whole, table = (folder / f"{prefix}{name}" for name in (PAGE, "comparison.json", "table.csv"))
    write_page(page, comparison, title, facts)
    write_atomic(whole, json.dumps(comparison.to_json(), indent=1, ensure_ascii=False) + "\n")
    write_atomic(table, to_csv(comparison))
    return [page, whole, table]


def outcome(
    scored: Mapping[str, Mapping[str, Scored]], tests: Sequence[TestSet], reference: str, asked: str | None = None
) -> dict[str, Any]:
    """What a job's ``result.json`` says of its evaluations: enough to compare several jobs (see `wrank.stage.sweep`).

    Args:
        scored: system -> set -> what was scored.
        tests: the sets.
        reference: the system that this job compares with.
        asked: the ``reference`` of the configuration, which may be another job's system.
    """
    return {
        "reference": reference,
        "asked": asked,
        "alpha": tests[0].settings.alpha,
        "sets": [vars(test.rule) for test in tests],
        "collections": {test.name: test.collection.fingerprint for test in tests},
        "evaluations": {name: {where: str(one.path) for where, one in row.items()} for name, row in scored.items()},
    }


def rules_of(result: Mapping[str, Any]) -> list[SetRule]:
    """The sets that `outcome` told of."""
    return [SetRule(**rule) for rule in result["sets"]]


def read_one(path: str, name: str) -> Scored:
    """An evaluation that `outcome` told of.

    Raises:
        WrankError: a folder that is no finished artifact (any more).
    """
    return read_scored(Path(path), name)


_COLUMNS = (
    "system", "set", "measure", "value", "low", "high", "std", "seeds", "queries", "reference", "difference",
    "difference_low", "difference_high", "better", "worse", "equal", "p_randomisation", "p_t", "p_holm", "effect",
    "mark",
)  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """One row a system, set and measure: mean over seeds, seeds, queries, reference; of the main measure everything.

    ``low`` and ``high`` bound the 95% interval of the value, ``difference_low`` and ``difference_high`` that of the
    difference to the reference; ``better``, ``worse`` and ``equal`` count queries. What is not known is empty.
    """
    out = io.StringIO()
    rows = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    rows.writeheader()
    for system in comparison.systems:
        for rule in comparison.sets:
            if (cell := comparison.cells[system].get(rule.name)) is None:
                continue
            always = {"system": system, "set": rule.name, "seeds": cell.seeds, "queries": cell.queries}
            always["reference"] = comparison.reference
            for measure, value in comparison.measures[system].get(rule.name, {}).items():
                more = _main_columns(cell) if measure == rule.main else {}
                rows.writerow({**always, "measure": measure, "value": value, **more})
    return out.getvalue()


def _main_columns(cell: Cell) -> dict[str, Any]:
    """What is known of the main measure alone."""
    own = ("low", "high", "std", "p_randomisation", "p_t", "p_holm", "effect", "mark")
    found = {name: getattr(cell, name) for name in own}
    if (difference := cell.difference) is not None:
        found |= {"difference": difference.mean, "difference_low": difference.low, "difference_high": difference.high}
        found |= {name: getattr(difference, name) for name in ("better", "worse", "equal")}
    return found


def facts_of(scored: Mapping[str, Mapping[str, Sequence[Scored]]]) -> dict[str, str]:
    """What a reader of the page needs to know about the runs: versions, and counts of each evaluation."""
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
