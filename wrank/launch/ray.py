"""A Ray cluster: one remote task a job, with the GPUs and cores that its trainer asks for."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.launch.base import Backend, environment_of, named
from wrank.launch.child import run_job
from wrank.launch.local import LOG
from wrank.launch.plan import Planned
from wrank.launch.sweep import SweepRecord


@dataclass
class Ray(Backend):
    """Ray's tasks.

    Attributes:
        address: the cluster's, e.g. ``auto`` or ``ray://HOST:10001``; None = a small one on this machine.
        cpus_per_device: cores for each training process.
        mem_gb_per_device: memory for each training process that Ray sets aside, GB; None = it does not look at memory.
        resources: further ones, ``NAME:SHARE`` a device, e.g. ``a100:1``.
        retries: times a job whose machine went down is started again.
    """

    address: str | None = None
    cpus_per_device: int = 4
    mem_gb_per_device: float | None = None
    resources: list[str] = field(default_factory=list)
    retries: int = 3
    name = "ray"
    queues = True
    stops_with_us = True
    _tasks: dict[int, Any] = field(default_factory=dict)
    _ended: dict[int, int] = field(default_factory=dict)
    _most: dict[str, float] = field(default_factory=dict)

    def check(self, planned: Sequence[Planned]) -> None:
        """Refuses without Ray, and jobs of several machines."""
        try:
            import ray  # noqa: F401
        except ImportError:
            raise WrankError("hydra/launcher=ray needs Ray: pip install 'wrank[ray]'") from None
        for one in planned:
            if one.needs.nodes > 1 or one.needs.tasks > 1:
                raise WrankError(
                    f"{' '.join(one.job.overrides)}: hydra/launcher=ray starts one process a job; use "
                    "trainer.strategy=ddp_spawn on one machine, or hydra/launcher=slurm"
                )

    def start(self, planned: Sequence[Planned], commands: Mapping[int, Sequence[str]], sweep: Path) -> dict[int, str]:
        """Hands the jobs to Ray."""
        import ray

        if not ray.is_initialized():
            ray.init(address=self.address, log_to_driver=False, include_dashboard=False)
        if self.address is None:  # what this machine has not, it will never have: a task that asks for it would wait
            self._most = ray.cluster_resources()
        for one in planned:
            # a process for each job: what one leaves behind (Hydra's state, memory of a GPU) is not the next one's
            task = ray.remote(max_calls=1)(_task).options(**self.options(one))
            self._tasks[one.job.number] = task.remote(
                list(commands[one.job.number]), environment_of(one, sweep), one.job.folder, str(Path.cwd())
            )
        return {}

    def options(self, planned: Planned) -> dict[str, Any]:
        """What Ray is told of a job."""
        devices = planned.needs.devices
        cores, gpus = self.cpus_per_device * devices, planned.needs.gpus
        asked: dict[str, Any] = {
            "num_cpus": min(cores, int(self._most.get("CPU", cores))) if self._most else cores,
            "num_gpus": gpus if self._most.get("GPU", 0) or not self._most else 0,
            "max_retries": self.retries,
            "resources": {name: float(share) * devices for name, share in named("resources", self.resources).items()},
        }
        if self.mem_gb_per_device is not None:
            asked["memory"] = int(self.mem_gb_per_device * devices * 1e9)
        return asked

    def tend(self) -> None:
        """Asks which tasks are over."""
        import ray

        open_tasks = {number: task for number, task in self._tasks.items() if number not in self._ended}
        for number, task in open_tasks.items():
            if ray.wait([task], timeout=0)[0]:
                try:
                    ray.get(task)
                    self._ended[number] = 0
                except Exception:  # Ray's for every way in which a task can end; the job's own log says more
                    self._ended[number] = 1

    def ended(self) -> Mapping[int, int]:
        """Those whose task is over."""
        return self._ended

    def scheduler(self, record: SweepRecord) -> dict[str, str] | None:
        """Nothing: a job's own lock says that it works."""
        return None

    def cancel(self) -> None:
        """Asks Ray to end the jobs."""
        import ray

        for task in self._tasks.values():
            ray.cancel(task, force=True)


def _task(words: Sequence[str], environment: Mapping[str, str], folder: str, cwd: str) -> None:
    os.chdir(cwd)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / LOG).open("ab") as log:  # where `wrank status` looks, in the place of Ray's own files
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number in (1, 2):
            os.dup2(log.fileno(), number)
    run_job(words, environment, folder)
