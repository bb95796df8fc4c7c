"""What every verb's job has in common: its context, its record and result file, its failures told."""

import functools
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from wrank.command.single import note_single
from wrank.config import option_sets
from wrank.errors import Refused, Stopped, WrankError
from wrank.files import write_atomic
from wrank.launch.base import JOB_KEY
from wrank.launch.finished import job_key, remember, stamps
from wrank.launch.record import FAILED, FINISHED, PREEMPTED, RESULT, JobRecord, folder_lock, read_record
from wrank.progress import told_in
from wrank.tracking.progress import note

if TYPE_CHECKING:  # imported late: a launcher composes hundreds of jobs and `wrank status` reads files, without torch
    from wrank.stage.context import Context

log = logging.getLogger(__name__)
STOPPED = 143
_OTHER_TRY = 120.0
"""Seconds that an earlier try of this job, put back into its queue, may take to end."""


def choices() -> dict[str, str]:
    """Config group -> option of the running job, wrank's own groups only."""
    return own_choices(HydraConfig.get().runtime.choices)


def own_choices(chosen: Mapping[str, Any]) -> dict[str, str]:
    """Config group -> option, wrank's own groups only.

    Args:
        chosen: what Hydra says was chosen.
    """
    return {
        group: str(option)
        for group, option in chosen.items()
        if not group.startswith("hydra") and group != "schema" and option not in (None, "null")
    }


def job(verb: "Callable[[Context], dict[str, Any]]") -> Callable[[DictConfig], Any]:
    """Makes a Hydra task of a verb: the verb gets a context and returns what goes into the job's ``result.json``."""

    @functools.wraps(verb)
    @_sigterm_as_before()
    def task(cfg: DictConfig) -> Any:
        from wrank.stage.context import Context

        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            check_mix(choices())
            config = plain_config(cfg)
            key = job_key(str(HydraConfig.get().job.config_name), config)
            _check_queued(key)
            watched = stamps(config)
            context = Context(cfg, choices())
            with _recorded(folder, key, context):
                result = verb(context)
                _write(folder, result)
                if _is_first_rank():
                    with _not_vital("it will be started again by a sweep"):
                        remember(context.store.root, key, watched, _facts() | result)
        except WrankError as error:
            log.debug("failed", exc_info=True)
            _write(folder, {"failed": str(error)})
            if HydraConfig.get().mode == RunMode.RUN:
                raise Refused(error) from error
            raise
        except Stopped as error:
            _write(folder, {"failed": str(error)})
            note(f"wrank {HydraConfig.get().job.config_name}: {error}")
            raise SystemExit(STOPPED) from error  # Hydra says nothing of it, and the jobs after it do not start
        except Exception as error:
            log.exception("failed")
            _write(folder, {"failed": f"{type(error).__name__}: {error}"})
            raise
        return result.get("objective")

    return task


def plain_config(cfg: DictConfig) -> dict[str, Any]:
    """A job's resolved configuration as plain values; what cannot be resolved is the job's own to tell.

    Raises:
        WrankError: an interpolation that leads nowhere.
    """
    try:
        config = OmegaConf.to_container(cfg, resolve=True)
    except Exception as error:
        raise WrankError(str(error).strip().split("\n")[0]) from error
    return {str(name): value for name, value in config.items()} if isinstance(config, dict) else {}


def check_mix(chosen: Mapping[str, str]) -> None:
    """Refuses a mix in the place of an option's own: Hydra would join the parts of both."""
    data, mix = chosen.get("data"), chosen.get("data/mix")
    if data is not None and mix is not None and option_sets("data", data, "mix"):
        raise WrankError(
            f"data/mix={mix} with data={data}, which has a mix of its own: the parts of both would be joined; choose "
            f"one of them, e.g. data=beir with data/mix={mix}"
        )


def _check_queued(key: str) -> None:
    queued = os.environ.get(JOB_KEY)
    if queued is not None and queued != key:
        raise WrankError(
            "this job's configuration is no longer the one that it was queued with: a file of conf/ (or of "
            "--config-dir) was edited meanwhile; start the same line again"
        )


@contextmanager
def _sigterm_as_before() -> Iterator[None]:
    """Puts SIGTERM's handler back: `_recorded` has it ignored while a job that was stopped is written down.

    Left so, it would be inherited by whatever this process starts afterwards, which could not be stopped any more.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, before)


@contextmanager
def _recorded(folder: Path, key: str, context: "Context") -> Iterator[None]:
    """Keeps the job's record, and holds the folder's lock, while the block runs."""
    if not _is_first_rank():
        yield
        return
    hydra = HydraConfig.get()
    lock = folder_lock(folder)
    with _not_vital("`wrank status` cannot see it at work"), suppress(Timeout):
        lock.acquire(timeout=_OTHER_TRY)
    before = read_record(folder)
    record = JobRecord(
        str(hydra.job.config_name), tuple(hydra.overrides.task), key, starts=0 if before is None else before.starts
    ).begun()
    with _not_vital("`wrank status` knows nothing of it"):
        record.write(folder)
    note_single(context.store.root, folder, record, str(context.cfg.get("study", "default")))
    state, failed = FAILED, ""
    try:
        with told_in(folder):
            yield
        state = FINISHED
    except (Stopped, KeyboardInterrupt, SystemExit) as error:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not lose the record of the first
        state, failed = PREEMPTED, str(error) if isinstance(error, Stopped) else "stopped by a signal"
        raise
    except Exception as error:
        failed = str(error) if isinstance(error, WrankError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        with suppress(WrankError, OSError):  # a full disk has its own message
            record.over(state, failed).write(folder)
        lock.release()


@contextmanager
def _not_vital(else_: str) -> Iterator[None]:
    """A full or read-only disk is told and stops no job: what it works on may stand elsewhere."""
    try:
        yield
    except (WrankError, OSError) as error:
        log.warning("this job could not be recorded, so %s: %s", else_, error)


def _is_first_rank() -> bool:
    """Whether this is the first of the processes that srun or torchrun started for one job."""
    given = os.environ
    if int(given.get("SLURM_NTASKS", "1")) > 1:
        return given.get("SLURM_PROCID", "0") == "0"
    return given.get("RANK", "0") == "0" if "LOCAL_RANK" in given else True


def _facts() -> dict[str, Any]:
    return {"overrides": list(HydraConfig.get().overrides.task), "choices": choices()}


def _write(folder: Path, result: Mapping[str, Any]) -> None:
    with _not_vital("no table of a sweep shows it"):
        write_atomic(folder / RESULT, json.dumps(_facts() | dict(result), indent=1, ensure_ascii=False) + "\n")
