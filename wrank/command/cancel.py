"""Takes a sweep's jobs out of the queue and stops those at work; what they did is kept.

``wrank cancel`` takes the latest sweep, ``wrank cancel NAME`` another. A training that is told to stop writes a
checkpoint first; ``wrank resume NAME`` goes on.
"""

import os
import signal
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from wrank.command.reading import plainly
from wrank.config import plain
from wrank.errors import WrankError
from wrank.launch.ask import asked_sweep, states_now
from wrank.launch.record import is_held
from wrank.launch.slurm import cancel_ids, queue_of
from wrank.launch.state import JobState
from wrank.launch.sweep import SweepRecord, find_sweep
from wrank.launch.view import print_sweep
from wrank.store import Store
from wrank.tracking.progress import note

_PATIENCE = 120.0
"""Seconds until jobs that were told to stop must have stopped."""


@plainly
def main(cfg: DictConfig) -> None:
    """One job of ``wrank cancel``."""
    store = Store(plain(cfg, "paths.store"))
    sweep = find_sweep(store.root, asked_sweep(plain(cfg, "which")))
    states = [state for state in states_now(sweep) if state.is_open]
    if not states:
        note(f"{sweep.name}: none of its jobs is at work or in a queue")
        return
    in_slurm = sweep.backend == "slurm"
    if not in_slurm and sweep.host != socket.gethostname():
        raise WrankError(f"{sweep.name} runs on {sweep.host}: cancel it there")
    if in_slurm and queue_of([state.job.slurm for state in states if state.job.slurm]) is None:
        raise WrankError(
            f"{sweep.name}: Slurm does not answer, so nothing was stopped: is SLURM_CONF set in this shell? "
            "`wrank doctor only=[slurm]` says more"
        )
    sweep.cancelled = time.time()
    sweep.write(store.root)
    if in_slurm:
        _cancel_slurm(state.job.slurm for state in states if state.job.slurm)
    else:
        _stop_processes(sweep, states)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and any(state.is_open for state in states_now(sweep)):
        time.sleep(0.5)
    ended = states_now(sweep)
    print_sweep(sweep, ended)
    if left := sum(state.is_open for state in ended):
        note(f"{left} jobs have not stopped after {_PATIENCE:.0f} s: look again with `wrank status {sweep.name}`")
        raise SystemExit(1)


def _cancel_slurm(ids: Iterable[str]) -> None:
    if not cancel_ids(ids):
        raise WrankError("scancel refused: `squeue` shows what is left")


def _stop_processes(sweep: SweepRecord, states: list[JobState]) -> None:
    """SIGTERM to the command that waits for the jobs, which stops them, or to the jobs where it is gone.

    The number of a process that is gone may be another's by now: each is asked for by its lock or its words.
    """
    if is_held(Path(sweep.folder)):
        own = {sweep.pid}
    else:
        records = [state.record for state in states if state.record is not None and state.record.pid]
        own = {record.pid for record in records if record.host == socket.gethostname()}
    for pid in sorted(own):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
