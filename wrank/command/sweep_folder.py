"""What the launcher writes into a job's folder: the result of a job that is found, or of one that could not say so."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.launch.plan import Planned
from wrank.launch.record import JOB, RESULT, is_held
from wrank.progress import PROGRESS
from wrank.tracking.progress import note


def keep_result(planned: Planned, result: Mapping[str, Any]) -> None:
    """Puts a finished job's result into this sweep's folder, for its table.

    Args:
        planned: the job.
        result: what it ended with in an earlier sweep.
    """
    write_result(Path(planned.job.folder), {**result, "overrides": list(planned.job.overrides)})


def write_result(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``result.json``; a full disk is told, and stops no sweep.

    Args:
        folder: the job's.
        facts: what goes into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / RESULT, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    except (WrankError, OSError) as error:
        note(f"the sweep's table will lack {' '.join(facts['overrides'])}: {error}")


def clear_folder(folder: Path) -> None:
    """Removes what an earlier sweep wrote of a job, where ``hydra.sweep.dir`` names a folder again.

    Args:
        folder: the job's.

    Raises:
        WrankError: the earlier job is still at work.
    """
    if is_held(folder):
        raise WrankError(f"{folder}: a job of an earlier sweep is still at work there: `wrank cancel` stops it")
    for name in (JOB, RESULT, PROGRESS):
        with suppress(OSError):
            (folder / name).unlink()
