"""What is written of a job, by the job itself: ``job.json`` in its folder, beside its log, progress and result.

A job at work holds the lock of its folder, so that anybody on the same file system can tell a job at work from one
that was killed: a record that says ``running`` while nobody holds the lock belongs to a job that is gone.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from wrank.files import write_atomic

JOB, RESULT, LOCK = "job.json", "result.json", ".lock"
QUEUED, RUNNING, FINISHED, FAILED = "queued", "running", "finished", "failed"
PREEMPTED, CANCELLED, LOST = "preempted", "cancelled", "lost"
OPEN = (QUEUED, RUNNING)
"""States of a job that may still end well by itself."""


@dataclass(frozen=True)
class JobRecord:
    """One job.

    Attributes:
        verb: run, train, ...
        overrides: the words after it.
        key: SHA-256 of the whole configuration but for places; "" where nobody asked.
        state: one of queued, running, finished, failed, preempted, cancelled, lost.
        host: the machine it runs or ran on.
        pid: its process there.
        slurm: its Slurm id (``12_3``), "" elsewhere.
        started: seconds since 1970 at its last start; 0 = not yet.
        ended: the same at its end; 0 = not yet.
        starts: how often it was started: more than 1 = requeued.
        failed: what went wrong, in words.
    """

    verb: str
    overrides: tuple[str, ...]
    key: str = ""
    state: str = QUEUED
    host: str = ""
    pid: int = 0
    slurm: str = ""
    started: float = 0.0
    ended: float = 0.0
    starts: int = 0
    failed: str = ""

    def begun(self) -> Self:
        """The record of a job that starts now, in this process."""
        return replace(
            self,
            state=RUNNING,
            host=socket.gethostname(),
            pid=os.getpid(),
            slurm=slurm_id(),
            started=time.time(),
            ended=0.0,
            starts=self.starts + 1,
            failed="",
        )

    def over(self, state: str, failed: str = "") -> Self:
        """The record of a job that ends now."""
        return replace(self, state=state, ended=time.time(), failed=failed)

    def write(self, folder: Path) -> None:
        """Writes ``job.json``."""
        write_atomic(folder / JOB, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> JobRecord | None:
    """The record in a job's folder; None where there is none that can be read."""
    facts = read_facts(folder / JOB)
    known = {field.name for field in fields(JobRecord)}
    if not {"verb", "overrides"} <= facts.keys():
        return None
    facts["overrides"] = tuple(map(str, facts["overrides"]))
    return JobRecord(**{name: value for name, value in facts.items() if name in known})


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object of ours; empty where there is none, or it is being removed."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(facts) if isinstance(facts, Mapping) else {}


def slurm_id() -> str:
    """The Slurm job of this process: ``12_3`` in an array, ``12`` alone, "" outside Slurm."""
    given = os.environ
    if "SLURM_ARRAY_JOB_ID" in given and "SLURM_ARRAY_TASK_ID" in given:
        return f"{given['SLURM_ARRAY_JOB_ID']}_{given['SLURM_ARRAY_TASK_ID']}"
    return given.get("SLURM_JOB_ID", "")


def folder_lock(folder: Path) -> FileLock:
    """The lock that whoever works in a folder holds."""
    return FileLock(folder / LOCK)


def is_held(folder: Path) -> bool:
    """Whether somebody works in a folder now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with folder_lock(folder).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a store that may be read and not written: ask the record alone
        return False
