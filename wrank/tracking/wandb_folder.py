"""The folders in which W&B keeps the files of offline runs: whose they are, whether they are written to, or sent."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from wrank.files import write_atomic

FACTS = "wrank.json"
"""What a run's folder says of its run."""

LOCK = "wrank.lock"
"""Held by the process that writes to a run's folder; a process that is killed holds it no more."""

SENT = ".synced"
"""Ending of W&B's own mark, beside the file of a run that was sent."""

_QUIET = 300.0
"""Seconds without a change after which a run that holds no lock (of an older wrank, or not of wrank) has ended."""


@dataclass(frozen=True)
class RunFolder:
    """One try of a run: a job that was killed or preempted and went on has several, of one id.

    Attributes:
        path: the folder.
        log: W&B's file in it.
        facts: name, group, job_type, tags, ...; empty where wrank has left none.
    """

    path: Path
    log: Path
    facts: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The run's id."""
        return self.log.stem.removeprefix("run-")

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.facts.get("name") or self.id)

    @property
    def mark(self) -> Path:
        """W&B's mark of what was sent."""
        return self.log.with_name(self.log.name + SENT)

    @property
    def is_sent(self) -> bool:
        """Whether it was sent, by ``wrank sync`` or ``wandb sync``."""
        return self.mark.is_file()

    def is_written(self) -> bool:
        """Whether a process is at work on it."""
        lock = self.path / LOCK
        if not lock.is_file():
            return "ended" not in self.facts and time.time() - self.log.stat().st_mtime < _QUIET
        try:
            with FileLock(lock).acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # not ours to lock: whoever may not write here goes by the clock
            return time.time() - self.log.stat().st_mtime < _QUIET

    def fits(self, words: Sequence[str]) -> bool:
        """Whether one of some globs is its id, name, study, stage, project, folder or one of its tags."""
        own = [self.id, self.name, self.path.name, *map(str, self.facts.get("tags", []))]
        own += [str(self.facts[key]) for key in ("group", "job_type", "project") if self.facts.get(key)]
        return not words or any(fnmatchcase(one, word) for one in own for word in words)


def find_runs(root: Path) -> list[RunFolder]:
    """Every offline run's folder below W&B's, oldest first."""
    places = {path.resolve(): path for pattern in ("", "wandb/") for path in root.glob(f"{pattern}offline-run-*")}
    found = []
    for path in sorted(places.values(), key=lambda path: (path.name, path)):
        logs = sorted(path.glob("run-*.wandb"))
        if logs:
            found.append(RunFolder(path, logs[0], read_facts(path)))
    return found


def read_facts(folder: Path) -> dict[str, Any]:
    """What a run's folder says of its run; empty where it says nothing that can be read."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Leaves what `read_facts` reads.

    Raises:
        OSError: a full disk.
    """
    write_atomic(folder / FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
