"""Sends offline W&B runs to W&B's server, each once, with their artifacts.

``wrank sync WORD ...`` takes the runs whose id, name, study, stage or tag fits a word (a glob). A run that was
preempted or killed and went on is sent try by try, in order, as one run. Runs that are still being written are left
alone; what fails is told, and tried again by the same command. ``dry_run=true`` lists what would be sent.
"""

from pathlib import Path

from filelock import FileLock, Timeout
from omegaconf import DictConfig

from wrank.config import plain
from wrank.errors import Refused, WrankError
from wrank.tracking.progress import note
from wrank.tracking.report.choose import as_words
from wrank.tracking.wandb_folder import RunFolder, find_runs
from wrank.tracking.wandb_sync import Outcome, Sending, State, due, send

_LOCK = ".wrank-sync.lock"
FAILED = 1


def main(cfg: DictConfig) -> None:
    """One job of ``wrank sync``."""
    try:
        failed = _sync(cfg)
    except WrankError as error:
        raise Refused(error) from error
    if failed:
        raise SystemExit(FAILED)


def _sync(cfg: DictConfig) -> int:
    """Sends, tells, and counts what was not sent though it should have been."""
    root = Path(str(plain(cfg, "paths.wandb"))).expanduser().absolute()
    words = as_words("which", plain(cfg, "which"))
    sending = Sending(plain(cfg, "command"), plain(cfg, "timeout"), bool(plain(cfg, "partial")))
    runs = find_runs(root)
    if not runs:
        raise WrankError(
            f"{root}: no offline run of W&B here: a job whose stages were all found made logs none; "
            "paths.wandb=... or WRANK_STORE names another place"
        )
    chosen = [run for run in runs if run.fits(words)]
    if not chosen:
        names = ", ".join(dict.fromkeys(run.name for run in runs[-12:]))
        raise WrankError(f"{' '.join(words)}: fits none of the {len(runs)} runs in {root}; the last ones are {names}")
    if plain(cfg, "dry_run"):
        outcomes = due(chosen)
        for one in outcomes:
            _tell(one)
    else:
        outcomes = _send_all(root, chosen, sending)
    count = {state: sum(one.state == state for one in outcomes) for state in State}
    words_of = [f"{number} {state.value}" for state, number in count.items() if number]
    note(", ".join([*words_of, f"{len(chosen) - len(outcomes)} sent before"]) + f" ({root})")
    return count[State.FAILED] + count[State.WAITS]


def _send_all(root: Path, chosen: list[RunFolder], sending: Sending) -> list[Outcome]:
    outcomes: list[Outcome] = []
    lock = FileLock(root / _LOCK)
    try:
        with lock.acquire(timeout=0):
            for one in send(chosen, sending):
                _tell(one)
                outcomes.append(one)
    except Timeout:
        raise WrankError(f"{root}: another `wrank sync` is at work here; wait for it") from None
    except OSError as error:
        raise WrankError(f"{error.filename}: {error.strerror}: what is sent is marked there, so write to it") from None
    return outcomes


def _tell(one: Outcome) -> None:
    reason = f": {one.reason}" if one.reason else ""
    print(f"{one.state.value:<13} {one.run.name} ({one.run.path.name}){reason}", flush=True)
