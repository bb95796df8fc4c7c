"""What the sweeps of a store are at: each job's state, progress, time left, and how the log of a failure ends.

``wrank status`` lists the latest sweeps and shows those that are at work; ``wrank status NAME`` shows one; with
``artifacts=true`` it lists what the store holds. Reads records and manifests only.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wrank.command.reading import plainly
from wrank.config import plain
from wrank.errors import WrankError
from wrank.launch.ask import asked_sweep, states_now
from wrank.launch.record import is_held
from wrank.launch.state import JobState
from wrank.launch.sweep import SweepRecord, find_sweep, sweeps, unreadable
from wrank.launch.view import print_sweep, print_sweeps
from wrank.store import Store
from wrank.tracking.progress import note
from wrank.tracking.table import print_status


@plainly
def main(cfg: DictConfig) -> None:
    """One job of ``wrank status``."""
    if cfg.format not in ("table", "json"):
        raise WrankError(f"format={cfg.format}: wanted table or json")
    if cfg.latest < 1:
        raise WrankError(f"latest={cfg.latest}: wanted a whole number from 1 up")
    store = Store(plain(cfg, "paths.store"))
    asked = asked_sweep(plain(cfg, "which"))
    for path in unreadable(store.root):
        note(f"{path}: cannot be read, so its sweep is left out")
    chosen = [find_sweep(store.root, asked)] if asked else _latest(store, int(cfg.latest))
    listed = [(sweep, states_now(sweep)) for sweep in chosen]
    if cfg.format == "json":
        print(json.dumps([_facts(sweep, states) for sweep, states in listed], indent=1, ensure_ascii=False))
        return
    if not asked and listed:
        print_sweeps(listed)
    open_ones = [one for one in listed if asked or any(state.is_open for state in one[1])]
    for sweep, states in open_ones or listed[-1:]:
        print_sweep(sweep, states)
    if cfg.artifacts or not asked:
        print_status(store, whole=bool(cfg.artifacts))


def _latest(store: Store, count: int) -> list[SweepRecord]:
    """The latest sweeps, and older ones that somebody waits for."""
    known = sweeps(store.root)
    older, latest = known[:-count], known[-count:]
    return [one for one in older if is_held(Path(one.folder))] + latest


def _facts(sweep: SweepRecord, states: list[JobState]) -> dict[str, Any]:
    facts = {key: value for key, value in dataclasses.asdict(sweep).items() if key != "jobs"}
    return facts | {
        "jobs": [
            {
                **dataclasses.asdict(state.job),
                "state": state.state,
                "failed": state.failed,
                "progress": dict(state.progress),
                "starts": 0 if state.record is None else state.record.starts,
            }
            for state in states
        ]
    }
