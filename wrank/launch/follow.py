"""Waits for a sweep's jobs: starts the next ones, tells each end, knows when one is gone without a word."""

import time
from collections.abc import Callable
from pathlib import Path

from wrank.launch.base import Backend
from wrank.launch.record import LOST
from wrank.launch.slurm import LOGS
from wrank.launch.state import JobState, job_states
from wrank.launch.sweep import SweepJob, SweepRecord

_ASK_SCHEDULER = 10.0
_PATIENCE = 3
"""Looks at a job that is gone before it is called lost: a file system may show its last word late."""


def follow(
    record: SweepRecord, backend: Backend, tell: Callable[[JobState], None], pause: float = 1.0
) -> list[JobState]:
    """Returns when no job of the sweep is open any more.

    Args:
        record: the sweep.
        backend: where its jobs run.
        tell: called once with each job that has ended.
        pause: seconds between two looks.

    Returns:
        The jobs as they ended.
    """
    told: set[int] = set()
    gone: dict[int, int] = {}
    asked, scheduler = 0.0, None
    while True:
        backend.tend()
        if time.monotonic() - asked > _ASK_SCHEDULER or not asked:
            asked, scheduler = time.monotonic(), backend.scheduler(record)
        states = job_states(record, scheduler, watched=True)
        for state in states:
            number = state.job.number
            gone[number] = gone.get(number, 0) + 1 if state.state == LOST else 0
            if number not in told and not _may_go_on(state, gone[number]):
                told.add(number)
                if not state.job.found:
                    tell(state)
        if len(told) == len(states):
            return states
        time.sleep(pause)


def _may_go_on(state: JobState, looks: int) -> bool:
    return state.is_open or (state.state == LOST and looks < _PATIENCE * 10)


def log_tail(job: SweepJob, lines: int = 10) -> list[str]:
    """The last lines of a job's log, the newest of those that there are.

    Args:
        job: the job.
        lines: how many at most.
    """
    folder = Path(job.folder)
    logs = [*folder.glob("*.log"), *((folder.parent / LOGS / job.slurm).glob("*_log.*") if job.slurm else [])]
    kept = [path for path in logs if path.is_file() and path.stat().st_size]
    if not kept:
        return []
    latest = max(kept, key=lambda path: path.stat().st_mtime)
    text = latest.read_bytes()[-20_000:].decode("utf-8", errors="replace")
    return [line.rstrip() for line in text.replace("\r", "\n").split("\n") if line.strip()][-lines:]
