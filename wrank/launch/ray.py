"""A Ray cluster: one remote task a job, with the GPUs and cores that its trainer asks for."""

import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.launch.base import Backend, environment_of, named
from wrank.launch.child import run_job
from wrank.launch.local import LOG
from wrank.launch.plan import ENGINED, Planned
from wrank.launch.sweep import SweepRecord

_GRACE_S = 120.0
"""Seconds that a job may take to stop by itself, its checkpoint included."""
_PASSED = ("HF_", "WANDB_", "TRANSFORMERS_")
"""Beginnings of the names of variables that a job goes by."""
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/\s]*@")


@dataclass
class Ray(Backend):
    """Ray's tasks.

    Attributes:
        address: the cluster's, e.g. ``auto`` or ``ray://HOST:10001``; None = a small one on this machine.
        cpus_per_device: cores for each training process, or each GPU where these are more.
        mem_gb_per_device: memory that Ray sets aside, GB, counted likewise; None = it does not look at memory.
        resources: further ones, ``NAME:SHARE`` a device, e.g. ``a100:1``.
        retries: times a job whose machine went down is started again.
    """

    address: str | None = None
    cpus_per_device: int = 4
    mem_gb_per_device: float | None = None
    resources: list[str] = field(default_factory=list)
    retries: int = 3
    name = "ray"
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
            try:
                ray.init(address=self.address, log_to_driver=False, include_dashboard=False)
            except Exception as error:  # Ray's for no cluster, another version, a port in use are of no common kind
                where = "hydra.launcher.address=null: no Ray could be started here"
                if self.address is not None:
                    where = f"hydra.launcher.address={self.address}: no Ray cluster answers there (`ray status`)"
                reason = str(error).strip().split("\n")[0] or type(error).__name__
                raise WrankError(f"hydra/launcher=ray: {where}: {reason}") from error
        if self.address is None:  # what this machine has not, it will never have: a task that asks for it would wait
            self._most = ray.cluster_resources()
        for one in planned:
            # a process for each job: what one leaves behind (Hydra's state, memory of a GPU) is not the next one's
            task = ray.remote(max_calls=1)(_task).options(**self.options(one))
            self._tasks[one.job.number] = task.remote(
                list(commands[one.job.number]),
                environment_of(one, sweep) | secrets_of(one),
                one.job.folder,
                str(Path.cwd()),
            )
        return {}

    def options(self, planned: Planned) -> dict[str, Any]:
        """What Ray is told of a job."""
        shares, gpus = planned.needs.shares, planned.needs.gpus
        cores = self.cpus_per_device * shares
        asked: dict[str, Any] = {
            "num_cpus": min(cores, int(self._most.get("CPU", cores))) if self._most else cores,
            "num_gpus": gpus if self._most.get("GPU", 0) or not self._most else 0,
            "max_retries": self.retries,
            "runtime_env": {"env_vars": variables_of(planned)},
            "resources": {name: float(share) * shares for name, share in named("resources", self.resources).items()},
        }
        if self.mem_gb_per_device is not None:
            asked["memory"] = int(self.mem_gb_per_device * shares * 1e9)
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
        """Asks the jobs to stop: a training writes its checkpoint first. Those that then still run are killed."""
        import ray

        tasks = [task for number, task in self._tasks.items() if number not in self._ended]
        for task in tasks:
            ray.cancel(task, force=False)
        for task in ray.wait(tasks, num_returns=len(tasks), timeout=_GRACE_S)[1] if tasks else []:
            ray.cancel(task, force=True)


def variables_of(planned: Planned) -> dict[str, str]:
    """Variables of this process that a job on another machine has, too; none that may be a secret: Ray logs them.

    Args:
        planned: the job; the store is its own. As its configuration has it: made absolute, it would be another key.
    """
    hidden = secrets_of(planned)
    given = {name: text for name, text in os.environ.items() if name.startswith(_PASSED) and name not in hidden}
    store = (planned.config.get("paths") or {}).get("store")
    return given if store is None else given | {"WRANK_STORE": str(store)}


def secrets_of(planned: Planned) -> dict[str, str]:
    """Tokens, keys and logins that a job may ask for. They travel in memory, as a task's arguments, and are in no file.

    Args:
        planned: the job; its engines name the variables that hold their keys.
    """
    parts = [planned.config.get(name) or {} for name in ENGINED]
    named = {(part.get("engine") or {}).get("api_key_env") for part in parts}
    return {
        name: text
        for name, text in os.environ.items()
        if name in named or (name.startswith(_PASSED) and (_SECRET.search(name) or _LOGIN.search(text)))
    }


def _task(words: Sequence[str], environment: Mapping[str, str], folder: str, cwd: str) -> None:
    # as in a process of its own: Ray's handler of SIGTERM would end it; `ray.cancel` says SIGINT
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    os.chdir(cwd)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / LOG).open("ab") as log:  # where `wrank status` looks, in the place of Ray's own files
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number in (1, 2):
            os.dup2(log.fileno(), number)
    run_job(words, environment, folder)
