"""What is true of a job now: from its record, its lock, and what the scheduler says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.launch.record import (
    CANCELLED,
    FAILED,
    FINISHED,
    LOST,
    OPEN,
    PREEMPTED,
    QUEUED,
    RESULT,
    RUNNING,
    JobRecord,
    is_alive,
    is_held,
    read_facts,
    read_record,
)
from wrank.launch.sweep import SweepJob, SweepRecord
from wrank.progress import read_progress

Scheduler = Mapping[str, str]
"""Slurm id -> its state there (PENDING, RUNNING, ...); jobs that it does not know (any more) are missing."""


@dataclass(frozen=True)
class JobState:
    """A job as it stands.

    Attributes:
        job: as it was planned.
        state: queued, running, finished, failed, preempted, cancelled or lost.
        record: what the job wrote of itself; None = it has not started.
        progress: how far its present piece of work is: label, done, total, unit, began, before, at; empty = unknown.
        failed: what went wrong, in words.
    """

    job: SweepJob
    state: str
    record: JobRecord | None
    progress: Mapping[str, Any]
    failed: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still end well by itself."""
        return self.state in OPEN

    def seconds_left(self, now: float) -> float | None:
        """Time left of the present piece of work; None = not known yet."""
        progress = self.progress
        if self.state != RUNNING or not progress:
            return None
        done, gone = progress["done"] - progress["before"], progress["at"] - progress["began"]
        if done <= 0 or gone <= 0:
            return None
        since = max(0.0, now - progress["at"])  # clocks of two machines may differ
        return max(0.0, (progress["total"] - progress["done"]) * gone / done - since)


def job_states(sweep: SweepRecord, scheduler: Scheduler | None, watched: bool) -> list[JobState]:
    """What is true of each job of a sweep.

    Args:
        sweep: the sweep.
        scheduler: what the scheduler says of its jobs; None = it was not asked, or did not answer.
        watched: whether the command that launched the sweep still runs.
    """
    return [_state(sweep, job, scheduler, watched) for job in sweep.jobs]


def _state(sweep: SweepRecord, job: SweepJob, scheduler: Scheduler | None, watched: bool) -> JobState:
    folder = Path(job.folder)
    if job.found:
        return JobState(job, FINISHED, read_record(folder), {})
    record, held = read_record(folder), is_held(folder)
    result = read_facts(folder / RESULT)
    progress = read_progress(folder) if held else {}
    if held and record is not None:
        return JobState(job, RUNNING, record, progress)
    if record is not None and record.state == FINISHED and "failed" not in result:
        return JobState(job, FINISHED, record, {})
    known, _, why = (scheduler or {}).get(job.slurm, "").partition(" ")
    if known in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SUSPENDED", "CONFIGURING", "STAGE_OUT"):
        return JobState(job, QUEUED, record, {}, why)
    if known in ("RUNNING", "COMPLETING"):
        return JobState(job, RUNNING, record, {})
    if record is not None and record.state == FAILED:
        return JobState(job, FAILED, record, {}, record.failed)
    if record is None and "failed" in result:  # it ended before it wrote a record
        return JobState(job, str(result.get("state", FAILED)), None, {}, str(result["failed"]))
    if record is not None and record.state == QUEUED and is_alive(record, folder):
        return JobState(job, QUEUED, record, {})
    if sweep.cancelled and not (sweep.backend == "slurm" and scheduler is None):
        return JobState(job, CANCELLED, record, {})
    return _gone(sweep, job, record, scheduler, watched)


def _gone(
    sweep: SweepRecord, job: SweepJob, record: JobRecord | None, scheduler: Scheduler | None, watched: bool
) -> JobState:
    """A job that neither works nor waits in a scheduler's queue."""
    unasked = sweep.backend == "slurm" and scheduler is None
    if record is None:
        if (watched and sweep.backend != "slurm") or unasked or (watched and not job.slurm):
            return JobState(job, QUEUED, None, {})
        return JobState(job, LOST, None, {}, "it was never started")
    if unasked and job.slurm and record.state not in (CANCELLED, LOST):
        return JobState(job, QUEUED, record, {})  # it may be back in the queue: nobody knows until Slurm answers
    if record.state == PREEMPTED:
        return JobState(job, PREEMPTED, record, {}, record.failed)
    if record.state == CANCELLED:
        return JobState(job, CANCELLED, record, {})
    if record.state == LOST:
        return JobState(job, LOST, record, {}, record.failed)
    if record.state == QUEUED and not record.pid and watched:
        return JobState(job, QUEUED, record, {})
    where = f"Slurm job {record.slurm} on {record.host}" if record.slurm else f"process {record.pid} on {record.host}"
    return JobState(
        job, LOST, record, {}, f"{where} is gone without a word: killed, out of memory, or its machine is down"
    )
