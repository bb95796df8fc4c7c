"""What happens around a multirun: no jobs is an error, one table and one page over all jobs at the end."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from wrank.command.job import RESULT
from wrank.errors import WrankError
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.stage.comparison import PAGE, read_outcome
from wrank.store import slug
from wrank.tracking.comparison import print_comparison_table
from wrank.tracking.comparison_page import write_page
from wrank.tracking.progress import note

_sweep_folder: Path | None = None


class SweepCallback(Callback):
    """Tells `finish`, which runs when Hydra is done or has failed, where the sweep's folder is."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remembers the folder."""
        global _sweep_folder
        _sweep_folder = Path(config.hydra.sweep.dir).absolute()


def finish(ended: bool) -> int:
    """Prints the sweep's table, if there was a sweep.

    Args:
        ended: whether Hydra came to its end; False = an exception is on its way to the user.

    Returns:
        How many jobs failed.

    Raises:
        WrankError: a sweep of no jobs.
    """
    global _sweep_folder
    folder, _sweep_folder = _sweep_folder, None
    if folder is None:
        return 0
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"*/{RESULT}"))]
    if not results:
        if ended and not list(folder.glob("*/.hydra")):
            raise WrankError(
                f"the sweep has no jobs: a glob(...) that matches no option, or an empty list? (its folder is {folder})"
            )
        return 0
    failed = [result for result in results if "failed" in result]
    for result in failed:
        note(f"failed: {' '.join(result['overrides'])}: {result['failed']}")
    done = [result for result in results if "evaluations" in result]
    if len(done) > 1 or (done and failed):
        _compare(done, folder)
    return len(failed)


def _compare(results: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """One table and one page for the jobs over the same sets with the same reference."""
    tables: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for name, result in zip(row_names(results), results, strict=True):
        base = result.get("base_name", "")
        tables[json.dumps([result["sets"], base])].append((name, result))
    for number, rows in enumerate(tables.values()):
        sets, scored, reference = _joined(rows)
        comparison = compare_systems(scored, sets, reference)
        print_comparison_table(comparison)
        page = folder / (PAGE if number == 0 else f"{slug(reference)}-{number}-{PAGE}")
        write_page(page, comparison, f"sweep: {len(comparison.systems)} systems", {"folder": folder.name})
        print(page)


def _joined(
    rows: Sequence[tuple[str, Mapping[str, Any]]],
) -> tuple[list[SetRule], dict[str, dict[str, list[Scored]]], str]:
    """The jobs' evaluations by system and set; jobs of one name are seeds of it, other systems are the same in all."""
    scored: dict[str, dict[str, list[Scored]]] = {}
    sets: list[SetRule] = []
    for name, result in rows:
        sets, found = read_outcome(result)
        for system, row in found.items():
            own = system == result["name"]
            for where, one in row.items():
                seeds = scored.setdefault(name if own else system, {}).setdefault(where, [])
                if own or not seeds:
                    seeds.append(one)
    base = str(rows[0][1]["reference"])
    reference = base if base in scored else next(iter(scored))
    return sets, scored, reference


def row_names(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Model, loss, and every other word that is not the same in all jobs, but the seed."""
    words = [[word for word in result["overrides"] if not word.startswith("seed=")] for result in results]
    common = set.intersection(*map(set, words)) if words else set()
    names = []
    for result, own in zip(results, words, strict=True):
        kept = [word for word in own if word not in common and not word.startswith(("model=", "loss=", "model.path="))]
        first = result.get("base_name", result["name"])
        names.append(" ".join([first, result["choices"].get("loss", ""), *kept]).strip())
    return names
