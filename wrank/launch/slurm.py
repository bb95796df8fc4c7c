"""Slurm, through submitit: one array for the jobs that need the same of a machine."""

import math
import re
import shlex
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.launch.base import Backend, environment_of, named
from wrank.launch.child import run_job
from wrank.launch.plan import Needs, Planned
from wrank.launch.sweep import SweepRecord
from wrank.tracking.base import pause_open

LOGS = ".slurm"
_PATIENCE = 60
"""Seconds that Slurm has to say what it would do with a job."""
_LONGEST_ARRAY = 1001
"""Slurm's own ``MaxArraySize``, where nobody has set another."""


@dataclass
class Slurm(Backend):
    """Slurm's arrays. Nodes, tasks and GPUs come from each job's trainer.

    Attributes:
        timeout_min: minutes until a job is stopped; it then writes a checkpoint and goes back into the queue.
        partition: Slurm's, None = the cluster's default.
        account: Slurm's, None = your default.
        qos: Slurm's, None = the default.
        constraint: features that a machine must have.
        reservation: Slurm's, None = none.
        exclude: machines not to use.
        cpus_per_device: cores for each training process, or each GPU where these are more.
        mem_gb_per_device: memory, GB, counted likewise; None = the cluster's default.
        gpus: GPUs a machine; None = as many as the job needs, 0 = a partition that has none.
        gpu_type: kind of GPU to ask for (``gres``), None = any.
        at_once: jobs of the sweep that run at the same time, at most; shared out among its arrays (one for each kind of
            needs, several where Slurm takes no longer ones), at least 1 each.
        requeue: times a job may run into `timeout_min` and go on.
        signal_s: seconds before the end at which a job is told.
        container: image for ``srun --container-image`` (pyxis); None = none.
        mounts: its mounts, ``FROM:TO,FROM:TO``.
        python: the command that starts Python, e.g. ``apptainer exec --nv IMAGE python``; None = this Python.
        setup: shell lines before the job, e.g. ``module load cuda``.
        extra: further keys of ``sbatch``, ``NAME:VALUE``, e.g. ``mail-user:me``.
        srun: further words for ``srun``.
    """

    timeout_min: int = 720
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    reservation: str | None = None
    exclude: str | None = None
    cpus_per_device: int = 4
    mem_gb_per_device: float | None = 32
    gpus: int | None = None
    gpu_type: str | None = None
    at_once: int = 256
    requeue: int = 100
    signal_s: int = 120
    container: str | None = None
    mounts: str | None = None
    python: str | None = None
    setup: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    srun: list[str] = field(default_factory=list)
    name = "slurm"
    _ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        named("extra", self.extra)
        for key, least in (("timeout_min", 1), ("cpus_per_device", 1), ("at_once", 1), ("requeue", 0), ("signal_s", 1)):
            if (value := getattr(self, key)) < least:
                raise WrankError(f"hydra.launcher.{key}={value}: wanted {least} or more")
        if self.gpus is not None and self.gpus < 0:
            raise WrankError(f"hydra.launcher.gpus={self.gpus}: wanted 0 or more, or null")
        if self.signal_s >= self.timeout_min * 60:
            raise WrankError(
                f"hydra.launcher.signal_s={self.signal_s} is not below timeout_min={self.timeout_min} minutes: a job "
                "would be told to stop before it starts"
            )
        if self.mounts and not self.container:
            raise WrankError("hydra.launcher.mounts without hydra.launcher.container: name the image, too")

    def check(self, planned: Sequence[Planned]) -> None:
        """Refuses where there is no Slurm, or no submitit."""
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise WrankError(
                "hydra/launcher=slurm: no sbatch here: start the command on a login node of the cluster, or use "
                "hydra/launcher=local; `wrank doctor only=[slurm]` says more"
            )
        try:
            import submitit  # noqa: F401
        except ImportError:
            raise WrankError("hydra/launcher=slurm needs submitit: pip install 'wrank[cluster]'") from None

    def rehearse(self, planned: Sequence[Planned]) -> tuple[list[str], int]:
        """Asks ``sbatch --test-only`` about a job of each size."""
        if shutil.which("sbatch") is None:
            return ["Slurm was not asked about partition, sizes and account: no sbatch here"], 0
        self.check(planned)
        said: list[str] = []
        refused = 0
        for needs, jobs in _alike(planned).items():
            with tempfile.TemporaryDirectory(prefix="wrank-dry-run-") as folder:
                script = Path(folder) / "job.sh"
                script.write_text(self._script(needs, Path(folder)), encoding="utf-8")
                words = ["sbatch", "--test-only", str(script)]
                try:
                    asked = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE)
                except subprocess.TimeoutExpired:
                    return [*said, f"Slurm was not asked: sbatch did not answer in {_PATIENCE} s"], refused
            answer = " ".join(asked.stderr.split()).removeprefix("sbatch: ")
            of = f"#{jobs[0].job.number}" + (f" and {len(jobs) - 1} more of its size" if len(jobs) > 1 else "")
            verdict = "sbatch would refuse" if asked.returncode else "Slurm, asked about"
            refused += len(jobs) if asked.returncode else 0
            said.append(f"{verdict} {of}: {answer}")
        return said, refused

    def _script(self, needs: Needs, folder: Path) -> str:
        """The script that submitit would submit for one job."""
        executor = self._executor(folder, needs, self.at_once)
        return str(executor._executor._make_submission_file_text("true", "dry-run"))

    def _executor(self, folder: Path, needs: Needs, at_once: int) -> Any:
        from submitit import AutoExecutor

        python = {"slurm_python": self.python} if self.python else {}
        executor = AutoExecutor(folder=folder, cluster="slurm", slurm_max_num_timeout=self.requeue, **python)
        executor.update_parameters(**self.parameters(needs, at_once))
        # a word of submitit's own, which clusters that check such keys refuse; the outer executor drops a None
        executor._executor.update_parameters(wckey=None)
        return executor

    def parameters(self, needs: Needs, at_once: int) -> dict[str, Any]:
        """What submitit is told of an array.

        Args:
            needs: nodes, tasks and GPUs of each of its jobs.
            at_once: how many of them run at the same time, at most.
        """
        needs = needs if self.gpus is None else replace(needs, gpus=self.gpus)
        words = [*self.srun]
        if self.container:
            words += [f"--container-image={self.container}"]
            words += [f"--container-mounts={self.mounts}"] if self.mounts else []
        asked: dict[str, Any] = {
            "slurm_job_name": "wrank",
            "timeout_min": self.timeout_min,
            "nodes": needs.nodes,
            "tasks_per_node": needs.tasks,
            "cpus_per_task": self.cpus_per_device * math.ceil(needs.shares / needs.tasks),
            "slurm_partition": self.partition,
            "slurm_account": self.account,
            "slurm_qos": self.qos,
            "slurm_constraint": self.constraint,
            "slurm_exclude": self.exclude,
            "slurm_signal_delay_s": self.signal_s,
            "slurm_array_parallelism": at_once,
            "slurm_setup": self.setup or None,
            "slurm_srun_args": words or None,
            "slurm_additional_parameters": {"requeue": True, **self._reservation(), **named("extra", self.extra)},
        }
        if self.mem_gb_per_device is not None:
            asked["mem_gb"] = self.mem_gb_per_device * needs.shares
        if needs.gpus:
            kind = f"{self.gpu_type}:" if self.gpu_type else ""
            asked["slurm_gpus_per_node"] = f"{kind}{needs.gpus}"
        return {key: value for key, value in asked.items() if value is not None}

    def start(self, planned: Sequence[Planned], commands: Mapping[int, Sequence[str]], sweep: Path) -> dict[int, str]:
        """Queues an array for each kind of needs, or several where there are more jobs than Slurm takes in one."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        ids: dict[int, str] = {}
        for jobs, at_once in self._arrays(planned):
            executor = self._executor(sweep / LOGS / "%j", jobs[0].needs, at_once)
            try:
                submitted = executor.map_array(
                    _Restartable(),
                    [list(commands[one.job.number]) for one in jobs],
                    [environment_of(one, sweep) for one in jobs],
                    [one.job.folder for one in jobs],
                )
            except (FailedJobError, FailedSubmissionError, OSError) as error:
                cancel_ids(ids.values())  # all or none: half a sweep in the queue helps nobody
                raise WrankError(f"hydra/launcher=slurm: sbatch refused: {_told(error)}") from None
            ids |= {one.job.number: str(job.job_id) for one, job in zip(jobs, submitted, strict=True)}
        self._ids += ids.values()
        return ids

    def scheduler(self, record: SweepRecord) -> dict[str, str] | None:
        """What ``squeue`` says."""
        return queue_of([job.slurm for job in record.jobs if job.slurm])

    def cancel(self) -> None:
        """``scancel`` for what this process has queued."""
        cancel_ids(self._ids)

    def _arrays(self, planned: Sequence[Planned]) -> Iterator[tuple[Sequence[Planned], int]]:
        """The jobs of each array, and how many of them may run at once: a share of the sweep's by their number."""
        longest, before = longest_array(), 0
        for jobs in _alike(planned).values():
            for first in range(0, len(jobs), longest):
                array = jobs[first : first + longest]
                after = before + len(array)
                share = self.at_once * after // len(planned) - self.at_once * before // len(planned)
                yield array, max(1, share)
                before = after

    def _reservation(self) -> dict[str, str]:
        return {"reservation": self.reservation} if self.reservation else {}


class _Restartable:
    """What submitit runs; it asks `checkpoint` what to put back into the queue: the same."""

    def __call__(self, words: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        _pause_before_requeue()
        run_job(words, environment, folder)

    def checkpoint(self, *given: Any, **named: Any) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *given, **named)


def _alike(planned: Sequence[Planned]) -> dict[Needs, list[Planned]]:
    alike: dict[Needs, list[Planned]] = defaultdict(list)
    for one in planned:
        alike[one.needs].append(one)
    return alike


def _pause_before_requeue() -> None:
    """Has what is tracked closed just before ``scontrol requeue``, which has Slurm end all processes of the job.

    Not in `_Restartable.checkpoint`: that is asked for, too, where no requeue follows and the job fails.
    """
    from submitit.slurm.slurm import SlurmJobEnvironment as Place

    requeue = Place._requeue

    def paused(self: Any, countdown: int) -> None:
        pause_open()
        requeue(self, countdown)

    Place._requeue = paused  # type: ignore[method-assign]


def queue_of(ids: Sequence[str]) -> dict[str, str] | None:
    """Slurm id -> state and why it waits, for those that Slurm still knows; None where it does not answer.

    Args:
        ids: ``12_3`` in an array, ``12`` alone.
    """
    if not ids:
        return {}
    if shutil.which("squeue") is None:
        return None
    arrays = sorted({one.partition("_")[0] for one in ids})
    done = _run(["squeue", "--noheader", "--array", "--format=%i %T %r", "--jobs", ",".join(arrays)])
    if done.returncode:
        return {} if "Invalid job id" in done.stderr else None
    rows = [line.split(maxsplit=2) for line in done.stdout.split("\n") if line.strip()]
    return {row[0]: " ".join(word for word in row[1:] if word != "None") for row in rows if len(row) > 1}


def longest_array() -> int:
    """Jobs that Slurm takes in one array; its default where it does not say."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _run(["scontrol", "show", "config"]).stdout, re.MULTILINE)
    return max(1, int(found[1])) if found else _LONGEST_ARRAY


def cancel_ids(ids: Iterable[str]) -> bool:
    """``scancel``, for ids that may be gone already; returns whether Slurm took it."""
    known = sorted(ids)
    return not known or _run(["scancel", "--quiet", *known]).returncode == 0


def _run(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", f"{shlex.join(words)}: {error}")


def _told(error: Exception) -> str:
    lines = [line for line in str(error).split("\n") if line.strip()]
    return " ".join(lines[-3:]) if lines else type(error).__name__
