"""Questions about a sweep from outside it: which one, and what its jobs are at now."""

from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.launch.record import is_held
from wrank.launch.slurm import queue_of
from wrank.launch.state import JobState, job_states
from wrank.launch.sweep import SweepRecord


def asked_sweep(value: Any) -> str | None:
    """The one name of a sweep that was given, or None.

    Raises:
        WrankError: several.
    """
    names = [value] if isinstance(value, str | int) else list(value or [])
    if len(names) > 1:
        raise WrankError(f"{', '.join(map(str, names))}: wanted the name of one sweep")
    return str(names[0]) if names else None


def states_now(sweep: SweepRecord) -> list[JobState]:
    """What is true of each job of a sweep; asks Slurm where jobs are in its hands."""
    ids = [job.slurm for job in sweep.jobs if job.slurm]
    scheduler = queue_of(ids) if ids else {}
    return job_states(sweep, scheduler, watched=is_held(Path(sweep.folder)))
