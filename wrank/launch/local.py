"""A pool over this machine's GPUs or cores: one process a job, so that one that is killed takes no other with it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.launch.base import Backend, environment_of
from wrank.launch.plan import Planned
from wrank.launch.record import FAILED, RESULT, JobRecord, note_end, read_record
from wrank.launch.sweep import SweepJob
from wrank.tracking.progress import note

LOG = "out.log"
WRANK = (sys.executable, "-P", "-m", "wrank.cli")
"""The command that a person would type; -P: a file called random.py in the folder they are in is not imported."""


@dataclass
class _Running:
    process: "subprocess.Popen[bytes]"
    gpus: tuple[str, ...]
    job: SweepJob


@dataclass
class Local(Backend):
    """Jobs as processes of this machine, as many at once as there are GPUs for, or as it is told.

    Attributes:
        jobs_at_once: processes at most; None = visible GPUs // GPUs a job, or cores // `cores` without GPUs.
        cores: processor cores a job without a GPU; its threads.
    """

    jobs_at_once: int | None = None
    cores: int = 4
    name = "local"
    stops_with_us = True
    patience = 2
    _waiting: list[tuple[Planned, Sequence[str], Path]] = field(default_factory=list)
    _running: list[_Running] = field(default_factory=list)
    _free: list[str] = field(default_factory=list)
    _ended: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.jobs_at_once is not None and self.jobs_at_once < 1:
            raise WrankError(f"hydra.launcher.jobs_at_once={self.jobs_at_once}: wanted 1 or more, or null")
        if self.cores < 1:
            raise WrankError(f"hydra.launcher.cores={self.cores}: wanted 1 or more")
        self._free = visible_gpus()

    def check(self, planned: Sequence[Planned]) -> None:
        """Refuses jobs of several machines, or of more GPUs than there are."""
        for one in planned:
            words = " ".join(one.job.overrides)
            if one.needs.nodes > 1 or one.needs.tasks > 1:
                raise WrankError(
                    f"{words}: hydra/launcher=local starts one process a job, and this one wants "
                    f"{one.needs.nodes * one.needs.tasks} from a launcher: use hydra/launcher=slurm, or "
                    "trainer.strategy=ddp_spawn, which starts its processes itself"
                )
            if one.needs.gpus > len(self._free) > 0:
                raise WrankError(f"{words}: wants {one.needs.gpus} GPUs, and this machine shows {len(self._free)}")

    def start(self, planned: Sequence[Planned], commands: Mapping[int, Sequence[str]], sweep: Path) -> dict[int, str]:
        """Puts the jobs in line and starts the first."""
        self._waiting += [(one, commands[one.job.number], sweep) for one in planned]
        self.tend()
        return {}

    def tend(self) -> None:
        """Starts as many of those in line as there is room for."""
        for one in [one for one in self._running if one.process.poll() is not None]:
            self._running.remove(one)
            self._free += one.gpus
            self._over(one)
        while self._waiting and self._has_room(self._waiting[0][0]):
            self._start(*self._waiting.pop(0))

    def cancel(self) -> None:
        """Asks the processes to stop: a training writes its checkpoint first."""
        self._waiting.clear()
        for one in self._running:
            one.process.send_signal(signal.SIGTERM)
        for one in self._running:
            one.process.wait()
            self._over(one)

    def close(self) -> None:
        """Waits a little for processes that have said their last word and still end."""
        for one in self._running:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(timeout=30)
        self.tend()

    def ended(self) -> Mapping[int, int]:
        """Those whose process is gone."""
        return self._ended

    def _over(self, one: _Running) -> None:
        note_end(Path(one.job.folder), one.process.returncode)
        self._ended[one.job.number] = one.process.returncode

    def _has_room(self, planned: Planned) -> bool:
        if self.jobs_at_once is not None and len(self._running) >= self.jobs_at_once:
            return False
        if self._needs_gpu(planned):
            return len(self._free) >= planned.needs.gpus
        return self.jobs_at_once is not None or len(self._running) < max(1, (os.cpu_count() or 1) // self.cores)

    def _needs_gpu(self, planned: Planned) -> bool:
        return planned.needs.gpus > 0 and bool(self._free or any(one.gpus for one in self._running))

    def _start(self, planned: Planned, words: Sequence[str], sweep: Path) -> None:
        gpus: tuple[str, ...] = ()
        given: dict[str, Any] = dict(os.environ) | environment_of(planned, sweep)
        if self._needs_gpu(planned):
            gpus = tuple(self._free[: planned.needs.gpus])
            del self._free[: len(gpus)]
            given["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        else:
            given.setdefault("OMP_NUM_THREADS", str(self.cores))
        folder = Path(planned.job.folder)
        begun = JobRecord(words[0], planned.job.overrides, planned.job.key, host=socket.gethostname())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / LOG).open("ab") as log:
                # a session of its own: Ctrl-C and a closed terminal reach this process alone; it asks the jobs to stop
                process = subprocess.Popen(
                    [*WRANK, *words],
                    env=given,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:  # a full disk, no process left: that job's own failure, the others go on
            self._free += gpus
            self._ended[planned.job.number] = 1
            _note_unstarted(folder, begun, f"it could not be started: {error}")
            return
        self._running.append(_Running(process, gpus, planned.job))
        with suppress(WrankError, OSError):  # the job may have said more of itself already
            if read_record(folder) is None:
                replace(begun, pid=process.pid).write(folder)


def _note_unstarted(folder: Path, record: JobRecord, failed: str) -> None:
    """Writes why a job failed before it began; where its folder takes nothing, it is said at once."""
    facts = {"overrides": list(record.overrides), "failed": failed}
    try:
        write_atomic(folder / RESULT, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        record.over(FAILED, failed).write(folder)
    except (WrankError, OSError):
        note(f"{' '.join(record.overrides)}: {failed}")


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [one.strip() for one in given.split(",") if one.strip() not in ("", "-1")]
    import torch  # late: a sweep on a processor needs none of it here

    return [str(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
