"""Takes a sweep's jobs out of the queue and stops those at work; what they did is kept.

``wrank cancel`` takes the latest sweep, ``wrank cancel NAME`` another. A training that is told to stop writes a
checkpoint first; ``wrank resume NAME`` goes on.
"""

import os
import signal
import socket
import time
from contextlib import suppress

from omegaconf import DictConfig

from wrank.config import plain
from wrank.errors import WrankError
from wrank.launch.ask import asked_sweep, states_now
from wrank.launch.slurm import cancel_ids
from wrank.launch.state import JobState
from wrank.launch.sweep import SweepRecord, find_sweep
from wrank.launch.view import print_sweep
from wrank.store import Store
from wrank.tracking.progress import note

_PATIENCE = 120.0
"""Seconds until jobs that were told to stop must have stopped."""


def main(cfg: DictConfig) -> None:
    """One job of ``wrank cancel``."""
    store = Store(plain(cfg, "paths.store"))
    sweep = find_sweep(store.root, asked_sweep(plain(cfg, "sweep")))
    states = [state for state in states_now(sweep) if state.is_open]
    if not states:
        note(f"{sweep.name}: none of its jobs is at work or in a queue")
        return
    sweep.cancelled = time.time()
    sweep.write(store.root)
    if sweep.backend == "slurm" or any(state.job.slurm for state in states):
        cancel_ids(state.job.slurm for state in states if state.job.slurm)
    elif sweep.host != socket.gethostname():
        raise WrankError(f"{sweep.name} runs on {sweep.host}: cancel it there")
    else:
        _stop_processes(sweep, states)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and any(state.is_open for state in states_now(sweep)):
        time.sleep(0.5)
    print_sweep(sweep, states_now(sweep))


def _stop_processes(sweep: SweepRecord, states: list[JobState]) -> None:
    """SIGTERM to the command that waits for the jobs, which stops them, or to the jobs where it is gone."""
    own = {sweep.pid, *(state.record.pid for state in states if state.record is not None and state.record.pid)}
    for pid in sorted(own):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
