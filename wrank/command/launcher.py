"""wrank's Hydra launcher: plans a sweep's jobs, leaves out what is finished, and gives the rest to a backend.

Hydra takes launchers from its own namespace package alone, so this one is registered by hand under such a name
(`register_launcher`). It is never pickled: what a backend starts is a command line.
"""

import importlib
import os
import re
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from wrank.command import detach
from wrank.command.backend import make_backend
from wrank.command.job import STOPPED, check_mix, own_choices, plain_config
from wrank.command.sweep_folder import clear_folder, keep_result, write_result
from wrank.command.words import JOBS, quoted
from wrank.errors import Stopped, WrankError
from wrank.launch.adopt import open_twins
from wrank.launch.base import Backend
from wrank.launch.finished import job_key, recall
from wrank.launch.follow import follow, log_tail, stoppable
from wrank.launch.plan import Planned, needs_of
from wrank.launch.record import FINISHED, RESULT, folder_lock, read_facts
from wrank.launch.state import JobState
from wrank.launch.sweep import SWEEP, SWEEPS, SweepJob, SweepRecord, forget, new_name
from wrank.manifest import git_state
from wrank.tracking.progress import note, progress_bar

MODULE = "hydra_plugins.wrank"
_OURS = re.compile(r"[+~]*hydra(/launcher|/sweeper|\.(launcher|sweeper|sweep|mode|run)\b)")
"""Hydra's words that speak of the sweep and not of its jobs."""


class WrankLauncher(Launcher):
    """Hydra's launcher of ``hydra/launcher=here | local | slurm | ray``.

    Args:
        kind: the backend.
        dry_run: compose and check every job, print the table, start nothing.
        detach: return when the jobs are queued.
        allow_dirty: start jobs later than now though the code is not committed.
        keys: the backend's own.
    """

    def __init__(
        self, kind: str, dry_run: bool = False, detach: bool = False, allow_dirty: bool = False, **keys: Any
    ) -> None:
        self.kind, self.dry_run, self.detach, self.allow_dirty, self.keys = kind, dry_run, detach, allow_dirty, keys
        self.record: SweepRecord | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's own."""
        self.context, self.task_function, self.config = hydra_context, task_function, config
        self.backend: Backend | None = make_backend(self.kind, self.keys)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs a batch of jobs: all of a sweep, or the next trials of an optimiser."""
        self._refuse_jobless()
        if not job_overrides:
            raise WrankError("the sweep has no jobs: a glob(...) that matches no option, or an empty list?")
        if self.record is not None and self._cancelled():
            raise WrankError(f"{self.record.name} was cancelled: the same line goes on with it")
        if self.detach and not detach.is_detached() and not self.dry_run:
            raise SystemExit(detach.run_detached(str(self.config.hydra.job.config_name), sys.argv[1:]))
        configs = []
        with progress_bar("composing", len(job_overrides), "jobs") as advance:
            for number, words in enumerate(job_overrides, start=initial_job_idx):
                configs.append(self._composed(list(words), number))
                advance(1)
        if self.dry_run:
            from wrank.command.dry_run import dry_run

            dry_run(self.config.hydra.job.config_name, configs, self.backend, self._planned)
        planned = [self._planned(config) for config in configs]
        if self.backend is not None:
            self._refuse_dirty()
            self.backend.check(planned)
        self._note(planned)
        if self.backend is None:
            return self._here(job_overrides, initial_job_idx)
        return self._elsewhere(planned, self.backend)

    def _composed(self, words: list[str], number: int) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, words)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return config

    def _planned(self, config: DictConfig) -> Planned:
        """A job's key, folder and needs."""
        verb = str(config.hydra.job.config_name)
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)  # for values that are made from Hydra's
        try:
            task = config.copy()
            with open_dict(task):
                del task["hydra"]
            plain = plain_config(task)
            words = tuple(map(str, config.hydra.overrides.task))
            check_mix(own_choices(config.hydra.runtime.choices))
            folder = Path(str(config.hydra.sweep.dir)).absolute() / str(config.hydra.sweep.subdir)
        finally:
            HydraConfig.instance().cfg = before
        job = SweepJob(int(config.hydra.job.num), words, job_key(verb, plain), str(folder))
        return Planned(job, needs_of(plain), plain)

    def _note(self, planned: Sequence[Planned]) -> None:
        """Writes the sweep's record, or adds the next trials to it."""
        self.store = Path(str(planned[0].config["paths"]["store"])).expanduser().absolute()
        if self.record is None:
            verb = str(self.config.hydra.job.config_name)
            self._study = str(planned[0].config.get("study", "default"))
            self.record = SweepRecord(
                name="",
                verb=verb,
                words=tuple(sys.argv[1:]),
                cwd=str(Path.cwd()),
                folder=str(Path(str(self.config.hydra.sweep.dir)).absolute()),
                backend=self.kind,
                started=time.time(),
                host=socket.gethostname(),
                pid=os.getpid(),
                commit=str(git_state().get("commit", "")),
            )
            self._claim(Path(self.record.folder))
        self.record.jobs += [one.job for one in planned]
        self._write_record()

    def _claim(self, folder: Path) -> None:
        """Holds the sweep's folder while this process waits for its jobs."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = folder_lock(folder)
            self.lock.acquire(timeout=0)
        except Timeout:
            raise WrankError(
                f"hydra.sweep.dir={folder}: another sweep works in this folder: wait for it (`wrank status`), or name "
                "another folder"
            ) from None
        except OSError as error:
            raise WrankError(f"{folder}: the sweep's folder cannot be written ({error.strerror or error})") from error

    def _write_record(self) -> None:
        assert self.record is not None
        try:
            self.record.name = self.record.name or new_name(self.store, self._study, self.record.verb)
            self.record.write(self.store)
        except (WrankError, OSError) as error:  # its jobs may work, or be found in a store that is only read
            note(f"this sweep could not be recorded, so `wrank status` does not know it: {error}")

    def _here(self, job_overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        """One after another in this process."""
        from hydra._internal.core_plugins.basic_launcher import BasicLauncher

        assert self.record is not None
        detach.let_go(self.record)
        inner = BasicLauncher()
        inner.setup(hydra_context=self.context, task_function=self.task_function, config=self.config)
        return inner.launch(job_overrides, initial_job_idx=first)

    def _elsewhere(self, planned: Sequence[Planned], backend: Backend) -> Sequence[JobReturn]:
        assert self.record is not None
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        found = {one.job.number: recall(self.store, one.job.key, one.config) for one in planned}
        missing = [one for one in planned if found[one.job.number] is None]
        twins = open_twins(self.store, {one.job.key for one in missing}, self.record.name)
        missing = [one for one in missing if one.job.key not in twins]
        commands = {one.job.number: self._command(one) for one in missing}
        for one in missing:
            clear_folder(Path(one.job.folder))
        try:
            ids = backend.start(missing, commands, Path(self.record.folder)) if missing else {}
        except WrankError:
            if len(self.record.jobs) == len(planned):  # nothing of this sweep was ever started
                forget(self.store, self.record)
            raise
        for one in planned:
            if (result := found[one.job.number]) is not None:
                keep_result(one, result)
        self.record.jobs = [self._as_started(job, found, ids, twins) for job in self.record.jobs]
        self._write_record()
        if self.record.cancelled:  # while they were being queued
            backend.cancel()
        count = f"{len(missing)} of {len(planned)} jobs started"
        at_work = f", {len(twins)} are at work or queued already" if twins else ""
        done = len(planned) - len(missing) - len(twins)
        note(f"sweep {self.record.name}: {count}{at_work}{', the others are finished' if done else ''}")
        detach.let_go(self.record)
        numbers = {one.job.number for one in planned}
        batch = replace(self.record, jobs=[job for job in self.record.jobs if job.number in numbers])
        try:
            with stoppable(backend.stops_with_us):
                states = self._follow(batch, backend)
        except Stopped as error:
            note(str(error))
            raise SystemExit(STOPPED) from error  # of which Hydra says nothing
        for one in planned:
            if (twin := twins.get(one.job.key)) and (result := read_facts(Path(twin.folder) / RESULT)):
                keep_result(one, result)
        return [self._returned(state) for state in states]

    def _follow(self, batch: SweepRecord, backend: Backend) -> list[JobState]:
        assert self.record is not None
        try:
            return follow(batch, backend, self._tell, self._cancelled)
        except KeyboardInterrupt:
            note("stopping the jobs; a training writes its checkpoint first")
            self.record.cancelled = time.time()
            self._write_record()
            backend.cancel()
            raise

    def _cancelled(self) -> float:
        assert self.record is not None
        facts = read_facts(self.store / SWEEPS / self.record.name / SWEEP)
        return float(facts.get("cancelled") or 0.0)

    def _refuse_jobless(self) -> None:
        verb = str(self.config.hydra.job.config_name)
        if self.kind != "here" and verb not in JOBS:
            raise WrankError(f"wrank {verb} with hydra/launcher={self.kind}: wanted hydra/launcher=here for this verb")

    def _refuse_dirty(self) -> None:
        if git_state().get("dirty") and not self.allow_dirty:
            raise WrankError(
                f"hydra/launcher={self.kind}: the checkout that wrank runs from has changes that are not committed, "
                "and a job imports the code as it is when it starts: commit them, or say "
                "hydra.launcher.allow_dirty=true"
            )

    def _command(self, planned: Planned) -> list[str]:
        """The words after ``wrank`` that make this job."""
        sources = self.config.hydra.runtime.config_sources
        folders = [str(one.path) for one in sources if one.provider == "command-line"]
        words = [word for word in planned.job.overrides if not word.startswith(("hydra/", "hydra."))]
        hydra = [word for word in map(str, self.config.hydra.overrides.hydra) if not _OURS.match(word)]
        own = [f"hydra.run.dir={quoted(planned.job.folder)}", "hydra.mode=RUN"]
        flags = [part for folder in folders for part in ("--config-dir", folder)]
        return [str(self.config.hydra.job.config_name), *words, *hydra, *own, *flags]

    @staticmethod
    def _as_started(job: SweepJob, found: dict[int, Any], ids: dict[int, str], twins: dict[str, SweepJob]) -> SweepJob:
        if job.key in twins and found.get(job.number) is None:
            return replace(job, folder=twins[job.key].folder, slurm=twins[job.key].slurm)
        known = found.get(job.number, job.found or None)
        return SweepJob(job.number, job.overrides, job.key, job.folder, bool(known), ids.get(job.number, job.slurm))

    def _tell(self, state: JobState) -> None:
        words = " ".join(state.job.overrides)
        note(f"#{state.job.number} {state.state}: {words}{': ' + state.failed if state.failed else ''}")
        if state.state != FINISHED:
            for line in log_tail(state.job, 5):
                note(f"    {line}")
            folder = Path(state.job.folder)
            if "failed" not in read_facts(folder / RESULT):
                facts = {"overrides": list(state.job.overrides), "state": state.state}
                facts["failed"] = f"{state.state}: {state.failed}" if state.failed else state.state
                write_result(folder, facts)

    def _returned(self, state: JobState) -> JobReturn:
        """What Hydra's sweeper gets: the objective; failures are told and counted in the end, by wrank."""
        returned = JobReturn(overrides=list(state.job.overrides), status=JobStatus.COMPLETED)
        result = read_facts(Path(state.job.folder) / RESULT)
        returned.return_value = result.get("objective")
        if state.state != FINISHED and not str(self.config.hydra.sweeper._target_).endswith("BasicSweeper"):
            returned.status = JobStatus.FAILED
            returned.return_value = WrankError(f"{state.state}: {state.failed}")
        return returned


def register_launcher() -> None:
    """Makes the launcher known to Hydra."""
    try:
        importlib.import_module("hydra_plugins")
    except ImportError:  # no other plugin is installed
        sys.modules["hydra_plugins"] = ModuleType("hydra_plugins")
        sys.modules["hydra_plugins"].__path__ = []  # Hydra looks for others in it
    sys.modules[MODULE] = sys.modules[__name__]
    WrankLauncher.__module__ = MODULE
    Plugins.instance().register(WrankLauncher)
