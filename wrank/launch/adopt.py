"""Jobs of an earlier start of the same line that are still in a queue or at work: waited for, not started again."""

from collections.abc import Collection
from pathlib import Path

from wrank.launch.ask import states_now
from wrank.launch.record import RUNNING
from wrank.launch.sweep import SweepJob, sweeps

_LATEST = 50


def open_twins(store: Path, keys: Collection[str], own: str) -> dict[str, SweepJob]:
    """Key -> the job of another sweep that is doing, or will do, the same.

    Args:
        store: the store's folder.
        keys: of the jobs that are wanted.
        own: name of the sweep that wants them.
    """
    twins: dict[str, SweepJob] = {}
    for sweep in sweeps(store)[-_LATEST:]:
        if sweep.name == own or sweep.cancelled or not any(job.key in keys for job in sweep.jobs):
            continue
        for state in states_now(sweep):
            in_hands = bool(state.job.slurm) and sweep.backend == "slurm"
            if state.job.key in keys and state.is_open and (in_hands or (state.state == RUNNING and state.record)):
                twins[state.job.key] = state.job
    return twins
