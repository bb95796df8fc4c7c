"""One job inside a scheduler's process (submitit, Ray): the command that a person would type."""

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

RANK_FOLDER = "rank-{}"


class JobFailed(Exception):
    """A job ended with another exit code than 0; its own log says why."""


def run_job(words: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Runs ``wrank WORDS`` in this process.

    Args:
        words: the verb and its overrides.
        environment: variables that the job has beside this process's own.
        folder: the job's. Ranks of one job but the first get a folder below it.

    Raises:
        JobFailed: an exit code other than 0.
        SystemExit: the scheduler's own, when it puts the job back into its queue.
    """
    os.environ |= environment
    rank = int(os.environ.get("SLURM_PROCID", "0")) if int(os.environ.get("SLURM_NTASKS", "1")) > 1 else 0
    sys.argv = ["wrank", *(words if rank == 0 else _with_folder(words, Path(folder) / RANK_FOLDER.format(rank)))]
    try:
        runpy.run_module("wrank.cli", run_name="__main__")
    except SystemExit as ended:
        if ended.code in (0, None):
            return
        if ended.code == -1:  # submitit's, after `scontrol requeue`
            raise
        raise JobFailed(f"wrank {' '.join(words)}: exit code {ended.code}") from None


def _with_folder(words: Sequence[str], place: Path) -> list[str]:
    """The words with this rank's folder in the place of the job's."""
    escaped = str(place).replace("'", "\\'")
    return [f"hydra.run.dir='{escaped}'" if word.startswith("hydra.run.dir=") else word for word in words]
