"""What is written of a job, by the job itself: ``job.json`` in its folder, beside its log, progress and result.

A job at work holds the lock of its folder, so that anybody on the same file system can tell a job at work from one
that was killed: a record that says ``running`` while nobody holds the lock belongs to a job that is gone.
"""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from wrank.errors import WrankError
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
    known = {field.name: field.default for field in fields(JobRecord)} | {"verb": "", "overrides": []}
    kept = {name: facts[name] for name, default in known.items() if _is_like(facts.get(name), default)}
    if not {"verb", "overrides"} <= kept.keys():
        return None
    return JobRecord(**kept | {"overrides": tuple(map(str, kept["overrides"]))})


def note_end(folder: Path, exit_code: int) -> None:
    """Writes how a job's process ended, where the job could not say so itself.

    Args:
        folder: the job's.
        exit_code: of its process; below 0 = minus the signal that killed it.
    """
    record = read_record(folder)
    if record is None or record.state not in OPEN:
        return
    if exit_code < 0:
        ended = record.over(LOST, f"killed by {_signal_name(-exit_code)}")
    else:
        told = str(read_facts(folder / RESULT).get("failed", ""))
        ended = record.over(FAILED, told or f"it ended with exit code {exit_code}")
    with suppress(WrankError):  # a full disk: what follows sees that its lock is free
        ended.write(folder)


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}: out of memory, or by hand" if number == signal.SIGKILL else name


def _is_like(value: Any, default: Any) -> bool:
    return isinstance(value, int | float if isinstance(default, float) else type(default))


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
    """Whether somebody works in a folder now.

    Asks with a shared lock on a file opened to be read: two who ask at once do not take each other for the worker, and
    a colleague may ask who can write nothing there.
    """
    try:
        asked = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(asked, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EAGAIN, errno.ENOSYS)  # the last: a mark of filelock's stands there
    finally:
        os.close(asked)


def is_alive(record: JobRecord, folder: Path) -> bool:
    """Whether the process of a record is there and is that job: numbers of processes come again after a restart.

    Args:
        record: a job's.
        folder: where it writes; part of its command line.
    """
    if not record.pid or record.host != socket.gethostname():
        return False
    words = Path(f"/proc/{record.pid}/cmdline")
    try:
        if Path("/proc/self").exists():
            return os.fsencode(folder) in words.read_bytes()
        asked = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(record.pid)], capture_output=True)
        return os.fsencode(folder) in asked.stdout
    except OSError:
        return False
