"""What happens around a multirun: no jobs is an error, tables, pages and files over all jobs at the end."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from wrank.errors import WrankError
from wrank.launch.base import SWEEP_FOLDER
from wrank.tracking.progress import note

if TYPE_CHECKING:  # imported late: verbs without a sweep need no torch, and `wrank doctor` must bear a broken one
    from wrank.stage.sweep import Job, SweepTable

SEARCH = "search.json"
"""What a search leaves in its folder."""

_sweep_folder: Path | None = None
_command = ""


class SweepCallback(Callback):
    """Tells `finish`, which runs when Hydra is done or has failed, where the sweep's folder is."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remembers the folder and the command."""
        global _sweep_folder, _command
        _sweep_folder = Path(config.hydra.sweep.dir).absolute()
        _command = " ".join(["wrank", str(config.hydra.job.name), "-m", *config.hydra.overrides.task])


def in_sweep() -> bool:
    """Whether the running job is one of a multirun (``-m``), whose tables come at the end."""
    return SWEEP_FOLDER in os.environ or (HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN)


def finish(ended: bool) -> int:
    """Prints the sweep's tables, if there was a sweep.

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
    from wrank.command.job import RESULT

    paths = sorted(folder.glob(f"*/{RESULT}"), key=lambda path: (len(path.parent.name), path))  # 2 before 10
    results = [facts for path in paths if (facts := _read(path)) is not None]
    if not results:
        if ended and not list(folder.glob("*/.hydra")) and not (folder / SEARCH).is_file():  # its trials were all there
            raise WrankError(
                f"the sweep has no jobs: a glob(...) that matches no option, or an empty list? (its folder is {folder})"
            )
        return 0
    failed = [result for result in results if "failed" in result]
    for result in failed:
        note(f"failed: {' '.join(result['overrides'])}: {result['failed']}")
    if done := [result for result in results if "evaluations" in result]:
        _compare(done, folder)
    return len(failed)


def _read(path: Path) -> dict[str, Any] | None:
    """A job's result; what a full disk cut off is told and left out."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        note(f"{path}: cannot be read, so the table lacks this job: {error}")
        return None
    return facts if isinstance(facts, dict) and "overrides" in facts else None


def _compare(results: "Sequence[Job]", folder: Path) -> None:
    """A table, a page and files for all jobs that can be compared; what cannot be is told, and stops nothing."""
    from wrank.stage.comparison import facts_of, write_files
    from wrank.stage.sweep import compare_table, sweep_tables
    from wrank.tracking.comparison import print_comparison_table

    number = 0
    for table in sweep_tables(results):
        if table.unmet is not None:
            note(
                f"reference={table.unmet}: no row and no system is called so, or several are; the table goes by "
                f"{table.reference}; its rows are {', '.join(table.rows)}"
            )
        try:
            comparison, scored = compare_table(table)
        except WrankError as error:
            note(f"no table of {', '.join(table.rows)}: {error}")
            continue
        number += 1
        print_comparison_table(comparison)
        title = f"sweep: {len(comparison.systems)} systems"
        prefix = "" if number == 1 else f"{number}-"
        for path in write_files(folder, comparison, title, _facts(table, folder) | facts_of(scored), prefix):
            print(path)


def _facts(table: "SweepTable", folder: Path) -> dict[str, str]:
    """The command, what all jobs have in common, and what a row's jobs are."""
    words = [job["overrides"] for job in table.jobs]
    common = [word for word in words[0] if all(word in own for own in words)]
    facts = {"command": _command, "the same in all jobs": " ".join(common), "folder": folder.name}
    for name, jobs in table.rows.items():
        own = [" ".join(word for word in job["overrides"] if word not in common) for job in jobs]
        facts[f"jobs of {name}"] = "; ".join(words for words in own if words)
    return {name: text for name, text in facts.items() if text}
