"""A sweep's jobs as a table: state, what it is at, time left, and the end of the log of what failed."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from rich.markup import escape
from rich.table import Table

from wrank.launch.follow import log_tail
from wrank.launch.record import CANCELLED, FAILED, LOST, PREEMPTED, QUEUED, RUNNING
from wrank.launch.state import JobState
from wrank.launch.sweep import SweepRecord
from wrank.tracking.table import out

_STYLES = {RUNNING: "cyan", "finished": "green", FAILED: "red", LOST: "red", PREEMPTED: "yellow", CANCELLED: "yellow"}
_BROKEN = (FAILED, LOST)


def print_sweep(sweep: SweepRecord, states: Sequence[JobState]) -> None:
    """One sweep: a row a job, then the logs' ends of those that failed.

    Args:
        sweep: the sweep.
        states: its jobs as they stand.
    """
    console, now = out(), time.time()
    table = Table(title=f"{sweep.name}: {_counts(states)} ({sweep.backend}, commit {sweep.commit[:7] or 'unknown'})")
    for name, side in (("job", "right"), ("state", "left"), ("what", "left"), ("at", "left"), ("left", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for name in ("time", "where"):
        table.add_column(name)
    common = _common(states)
    for state in states:
        style = _STYLES.get(state.state, "")
        table.add_row(
            str(state.job.number),
            f"[{style}]{state.state}[/]" if style else state.state,
            escape(" ".join(word for word in state.job.overrides if word not in common)),
            escape(_at(state)),
            _left(state, now),
            _gone(state, now),
            escape(_where(state)),
        )
    console.print(table)
    console.print(escape(f"  {sweep.folder}"), soft_wrap=True)
    for state in states:
        if state.state in _BROKEN:
            console.print(escape(f"  #{state.job.number} {state.state}: {state.failed}"), soft_wrap=True)
            for line in log_tail(state.job):
                console.print(escape(f"      {line}"), style="dim", soft_wrap=True)


def print_sweeps(listed: Sequence[tuple[SweepRecord, Sequence[JobState]]]) -> None:
    """Many sweeps, a line each.

    Args:
        listed: each with its jobs as they stand.
    """
    table = Table(title="latest sweeps and runs")
    for name in ("name", "started", "where", "jobs"):
        table.add_column(name)
    for sweep, states in listed:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(sweep.started))
        table.add_row(escape(sweep.name), started, sweep.backend, _counts(states))
    out().print(table)


def _counts(states: Sequence[JobState]) -> str:
    counts = Counter(state.state for state in states)
    found = sum(state.job.found for state in states)
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{words} ({found} of them before)" if found else words


def _common(states: Sequence[JobState]) -> set[str]:
    words = [set(state.job.overrides) for state in states]
    return set.intersection(*words) if len(words) > 1 else set()


def _at(state: JobState) -> str:
    progress = state.progress
    if state.state == QUEUED and state.failed:
        return f"waits: {state.failed}"
    if state.state == RUNNING and not progress:
        return "starting"
    if not progress:
        again = state.record.starts if state.record is not None else 0
        return f"started {again} times" if again > 1 and state.state != RUNNING else ""
    return f"{progress['label']} {progress['done']:,} of {progress['total']:,} {progress['unit']}"


def _left(state: JobState, now: float) -> str:
    left = state.seconds_left(now)
    return "" if left is None else str(timedelta(seconds=round(left)))


def _gone(state: JobState, now: float) -> str:
    record = state.record
    if record is None or not record.started or state.job.found:
        return ""
    end = record.ended or (now if state.state == RUNNING else record.started)
    return str(timedelta(seconds=round(max(0.0, end - record.started))))


def _where(state: JobState) -> str:
    record = state.record
    words = [f"slurm {state.job.slurm}" if state.job.slurm else "", record.host if record is not None else ""]
    return " ".join(word for word in words if word) if not state.job.found else "found"
