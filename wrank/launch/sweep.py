"""What is written of a sweep by the command that launched it: its jobs, and where they run.

The record stands in ``STORE/.sweeps/NAME/sweep.json``, so that ``wrank status``, ``resume`` and ``cancel`` find it from
any folder; the jobs' own folders stand where Hydra puts them.
"""

import itertools
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.launch.record import read_facts
from wrank.store import io_errors, slug

SWEEPS, SWEEP = ".sweeps", "sweep.json"


@dataclass(frozen=True)
class SweepJob:
    """A job as it was planned.

    Attributes:
        number: its place in the sweep, from 0; the name of its folder.
        overrides: the words after the verb.
        key: SHA-256 of its configuration.
        folder: where it writes, absolute.
        found: it was finished before this sweep and is not started again.
        slurm: its Slurm id, "" elsewhere.
    """

    number: int
    overrides: tuple[str, ...]
    key: str
    folder: str
    found: bool = False
    slurm: str = ""


@dataclass
class SweepRecord:
    """A sweep.

    Attributes:
        name: its folder in the store: study, verb and time.
        verb: run, train, ...
        words: what stood on the command line after the verb.
        cwd: the folder the command was started in.
        folder: where its jobs' folders are, absolute.
        backend: here, local, slurm or ray.
        jobs: its jobs.
        started: seconds since 1970.
        host: the machine that launched it.
        pid: the process there that waits for the jobs.
        commit: the code's git commit, "" when it was installed from a wheel.
        cancelled: seconds since 1970 at which it was cancelled; 0 = it was not.
    """

    name: str
    verb: str
    words: tuple[str, ...]
    cwd: str
    folder: str
    backend: str
    jobs: list[SweepJob] = field(default_factory=list)
    started: float = 0.0
    host: str = ""
    pid: int = 0
    commit: str = ""
    cancelled: float = 0.0

    def write(self, store: Path) -> Path:
        """Writes the record and returns its folder."""
        place = store / SWEEPS / self.name
        with io_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            told = read_facts(place / SWEEP).get("cancelled")  # by somebody else, meanwhile
            self.cancelled = max(self.cancelled, float(told) if isinstance(told, int | float) else 0.0)
            write_atomic(place / SWEEP, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        return place


def new_name(store: Path, study: str, verb: str) -> str:
    """A sweep's name: study, verb and time. Its folder is made, so that nobody else takes it in the same second.

    Raises:
        WrankError: a store that cannot be written.
    """
    stem = f"{slug(study)}-{verb}-{time.strftime('%m%d-%H%M%S')}"
    for number in itertools.count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        try:
            with io_errors(store / SWEEPS):
                (store / SWEEPS).mkdir(parents=True, exist_ok=True)
            (store / SWEEPS / name).mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise WrankError(f"{store / SWEEPS / name}: cannot be made ({error.strerror})") from error
        return name
    raise AssertionError("unreachable")


def sweeps(store: Path) -> list[SweepRecord]:
    """Every sweep of a store whose folder still stands, oldest first."""
    found = [record for path in _records(store) if (record := _read(path)) is not None]
    return sorted((one for one in found if Path(one.folder).is_dir()), key=lambda one: (one.started, one.name))


def unreadable(store: Path) -> list[Path]:
    """Records of sweeps that cannot be read: cut off by a full disk, edited, written by a newer wrank."""
    return sorted(path for path in _records(store) if _read(path) is None)


def find_sweep(store: Path, asked: str | None) -> SweepRecord:
    """A sweep by its name; the latest whose name begins so, or the one that has it in its name; the latest of all.

    Raises:
        WrankError: there is none, or there are several.
    """
    known = sweeps(store)
    if not known:
        raise WrankError(f"{store}: no sweep was started with this store; name another with paths.store=FOLDER")
    if asked is None:
        return known[-1]
    exact = [one for one in known if one.name == asked]
    alike = (
        exact
        or [one for one in known if one.name.startswith(asked)][-1:]
        or [one for one in known if asked in one.name]
    )
    if len(alike) != 1:
        names = ", ".join(one.name for one in (alike or known)[-10:])
        count = "no sweep is" if not alike else f"{len(alike)} sweeps are"
        raise WrankError(f"{asked}: {count} called so; wanted one of {names}")
    return alike[0]


def forget(store: Path, record: SweepRecord) -> None:
    """Removes a sweep's record; its jobs' folders stay."""
    shutil.rmtree(store / SWEEPS / record.name, ignore_errors=True)


def _records(store: Path) -> list[Path]:
    return list((store / SWEEPS).glob(f"*/{SWEEP}"))


def _read(path: Path) -> SweepRecord | None:
    facts: dict[str, Any] = read_facts(path)
    try:
        jobs = [_job(one) for one in facts.pop("jobs")]
        words = tuple(map(str, facts.pop("words")))
        record = SweepRecord(**facts, words=words, jobs=jobs)
    except (KeyError, TypeError, AttributeError):
        return None
    texts = (record.name, record.verb, record.cwd, record.folder, record.backend, record.host, record.commit)
    numbers = (record.started, record.pid, record.cancelled)
    whole = all(isinstance(one, str) for one in texts) and all(isinstance(one, int | float) for one in numbers)
    return record if whole else None


def _job(facts: dict[str, Any]) -> SweepJob:
    overrides: Sequence[str] = facts.pop("overrides")
    job = SweepJob(**facts, overrides=tuple(map(str, overrides)))
    if not (isinstance(job.number, int) and isinstance(job.folder, str) and isinstance(job.slurm, str)):
        raise TypeError
    return job
