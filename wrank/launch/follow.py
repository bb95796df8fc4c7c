"""Waits for a sweep's jobs: starts the next ones, tells each end, knows when one is gone without a word."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from wrank.errors import Stopped
from wrank.launch.base import Backend
from wrank.launch.record import FINISHED, LOST, PREEMPTED
from wrank.launch.slurm import LOGS
from wrank.launch.state import JobState, job_states
from wrank.launch.sweep import SweepJob, SweepRecord

_ASK_SCHEDULER = 10.0


def follow(
    record: SweepRecord,
    backend: Backend,
    tell: Callable[[JobState], None],
    cancelled: Callable[[], float] = lambda: 0.0,
    pause: float = 1.0,
) -> list[JobState]:
    """Returns when no job of the sweep is open any more.

    Args:
        record: the sweep.
        backend: where its jobs run.
        tell: called once with each job that has ended.
        cancelled: when somebody else cancelled the sweep, 0 = nobody did; asked when a job is gone.
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
            asked, answer = time.monotonic(), backend.scheduler(record)
            scheduler = scheduler if answer is None else answer  # an answer that did not come changes nothing
        ended = backend.ended()
        states = [_settled(state, ended) for state in job_states(record, scheduler, watched=True)]
        if not record.cancelled and any(state.state == LOST for state in states):
            record.cancelled = cancelled()
        for state in states:
            number = state.job.number
            gone[number] = gone.get(number, 0) + 1 if _is_gone(state) else 0
            if number not in told and not _may_go_on(state, gone[number], backend.patience):
                told.add(number)
                if not state.job.found:
                    tell(state)
        if len(told) == len(states):
            backend.close()
            return states
        time.sleep(pause)


def _may_go_on(state: JobState, looks: int, patience: int) -> bool:
    return state.is_open or (_is_gone(state) and looks < patience)


def _is_gone(state: JobState) -> bool:
    """Whether a scheduler may still put it back into its queue, or its last word be on its way."""
    return state.state == LOST or (state.state == PREEMPTED and bool(state.job.slurm))


def _settled(state: JobState, ended: Mapping[int, int]) -> JobState:
    """A job that could write nothing of its end (a full disk, say) as its backend saw it."""
    code = ended.get(state.job.number)
    if code is None or not state.is_open:
        return state
    if code == 0:
        return replace(state, state=FINISHED)
    return replace(state, state=LOST, failed=f"it ended with exit code {code} and wrote nothing of it")


@contextmanager
def stoppable(by_term: bool) -> Iterator[None]:
    """Lets SIGTERM end the waiting as Ctrl-C does.

    Args:
        by_term: False = it ends this process alone: its jobs are in a scheduler's hands, and go on.
    """
    told = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal told
        told = True
        raise KeyboardInterrupt  # which nothing on the way takes for a failure of its own

    ours = by_term and threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, interrupt) if ours else None
    try:
        yield
    except KeyboardInterrupt:
        if told:
            raise Stopped("stopped with its jobs by a signal; the same command goes on from what is kept") from None
        raise
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


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
