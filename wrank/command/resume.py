"""Starts a sweep's own command again, in its own folder: what is missing or failed runs, nothing else.

``wrank resume`` takes the latest sweep, ``wrank resume NAME`` another. Further words are added to the command:
``wrank resume NAME hydra.launcher.mem_gb_per_device=64``.
"""

import os
import shlex
import sys
from pathlib import Path

from omegaconf import DictConfig

from wrank.command.detach import restart
from wrank.command.reading import plainly
from wrank.config import plain
from wrank.errors import WrankError
from wrank.launch.ask import asked_sweep, states_now
from wrank.launch.record import FINISHED
from wrank.launch.sweep import find_sweep
from wrank.store import Store
from wrank.tracking.progress import note


@plainly
def main(cfg: DictConfig) -> None:
    """One job of ``wrank resume``."""
    store = Store(plain(cfg, "paths.store"))
    sweep = find_sweep(store.root, asked_sweep(plain(cfg, "which")))
    states = states_now(sweep)
    open_jobs = [state for state in states if state.is_open]
    if open_jobs:
        raise WrankError(
            f"{sweep.name}: {len(open_jobs)} of its jobs are still at work or in the queue: `wrank status "
            f"{sweep.name}` shows them, `wrank cancel {sweep.name}` stops them"
        )
    if not Path(sweep.cwd).is_dir():
        raise WrankError(f"{sweep.cwd}: the folder that {sweep.name} was started in is gone: start the command anew")
    words = [*sweep.words, *map(str, plain(cfg, "words") or [])]
    done = sum(state.state == FINISHED for state in states)
    note(f"{sweep.name}: {done} of {len(states)} jobs are finished; again: wrank {sweep.verb} {shlex.join(words)}")
    sys.stderr.flush()
    os.environ["WRANK_STORE"] = str(store.root)
    restart(sweep.verb, words, sweep.cwd)
