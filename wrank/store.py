"""Stages and artifacts: a finished folder is whole by construction.

A stage is a pure step: (config that can change the result, content keys of its inputs) -> one folder
``STORE/<kind>/<name>-<key>/`` with a ``manifest.json``. Work goes on in ``STORE/<kind>/.partial-<key>/`` under a lock;
the folder is renamed when complete. What a killed stage leaves in its partial folder is handed to the next try, which
goes on from there. The same key asked for twice at once: one process works, the other waits. A finished key returns at
once.
"""

import errno
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from wrank import __version__
from wrank.errors import WrankError
from wrank.files import sha256_of_json, sync_folder, write_atomic
from wrank.manifest import MANIFEST, SCHEMA_VERSION, make_manifest, read_manifest

KEY_LENGTH = 16
_FULL_DISK = ("No space left on device", "PytorchStreamWriter failed writing")


@dataclass(frozen=True)
class Stage:
    """A step to be done once.

    Attributes:
        kind: what it makes: ``model``, ``evaluation``, ``vectors``, ...; the folder's first level.
        name: words for people, part of the folder's name, not of the key.
        config: JSON values that can change the result; not workers, devices, loggers or paths.
        inputs: a word for each input -> its content key.
        seeds: the seeds the stage draws from, for the manifest.
        details: anything for readers of the manifest that does not belong into the key.
    """

    kind: str
    name: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    seeds: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of everything that can change the result."""
        return sha256_of_json(
            {
                "stage": self.kind,
                "schema": SCHEMA_VERSION,
                "config": self.config,
                "inputs": dict(self.inputs),
                "wrank": __version__,
            }
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The stage as JSON values, for its manifest."""
        return {"key": self.key} | {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def folder_name(self) -> str:
        """Name and shortened key: ``minilm-ws2-s0-1f0c...``."""
        return f"{slug(self.name)}-{self.key[:KEY_LENGTH]}"


@dataclass(frozen=True)
class Artifact:
    """A finished stage: its folder, its manifest, and whether it stood there before."""

    path: Path
    manifest: dict[str, Any]
    was_finished: bool = True

    @property
    def content_key(self) -> str:
        """SHA-256 over the hashes of the files: what a later stage names as its input."""
        return str(self.manifest["content_key"])


Work = Callable[[Path], Mapping[str, Any] | None]
"""Does a stage's work in the folder it is given; may return counts and figures for the manifest."""


class Store:
    """The folder of artifacts.

    Args:
        root: the folder; made when missing.

    Raises:
        WrankError: when the folder cannot be made or written.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().absolute()
        with io_errors(self.root):
            self.locks.mkdir(parents=True, exist_ok=True)

    @property
    def locks(self) -> Path:
        """The folder of the locks."""
        return self.root / ".locks"

    def is_locked(self, stage: Stage) -> bool:
        """Whether a process is at work on a stage."""
        try:
            with FileLock(self._lock_path(stage)).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def _lock_path(self, stage: Stage) -> Path:
        return self.locks / f"{stage.kind}-{stage.key[:KEY_LENGTH]}.lock"

    def folder(self, stage: Stage) -> Path:
        """Where the finished artifact stands; the name's words may differ, the key decides."""
        for path in (self.root / stage.kind).glob(f"*-{stage.key[:KEY_LENGTH]}"):
            if not path.name.startswith(".") and (path / MANIFEST).is_file():
                return path
        return self.root / stage.kind / stage.folder_name

    def partial(self, stage: Stage) -> Path:
        """Where its work goes on until it is finished."""
        return self.root / stage.kind / f".partial-{stage.key[:KEY_LENGTH]}"

    def find(self, stage: Stage) -> Artifact | None:
        """The finished artifact of a stage, or None."""
        path = self.folder(stage)
        if not (path / MANIFEST).is_file():
            return None
        manifest = read_manifest(path)
        if manifest["key"] != stage.key:  # equal first 16 digits, another stage
            raise WrankError(
                f"{path}: its key is {manifest['key']}, wanted {stage.key}: move that folder away and try again"
            )
        return Artifact(path, manifest)

    def run(
        self,
        stage: Stage,
        work: Work,
        on_wait: Callable[[Path], None] | None = None,
        share: Callable[[Path], None] | None = None,
    ) -> Artifact:
        """Returns the stage's artifact, doing the work if no one has.

        Args:
            stage: what is wanted.
            work: called with the partial folder, in which an earlier, killed try may have left files.
            on_wait: called once with the lock's path when another process holds the key.
            share: called with the partial folder in which that process is at work, to take a part of it; it must
                bear that the folder is renamed under its hands when all is done.

        Raises:
            WrankError: full disk, read-only store, or whatever the work raises.
        """
        if (found := self.find(stage)) is not None:
            return found
        with self._locked(stage, on_wait, share):
            if (found := self.find(stage)) is not None:
                return found
            partial, final = self.partial(stage), self.root / stage.kind / stage.folder_name
            if final.exists():
                raise WrankError(
                    f"{final}: it stands there without a {MANIFEST}; move it away and run the command again"
                )
            with io_errors(partial):
                partial.mkdir(parents=True, exist_ok=True)
                started, clock = datetime.now(UTC), time.monotonic()
                try:
                    result = dict(work(partial) or {})
                except BaseException:
                    with suppress(OSError):
                        partial.rmdir()  # where nothing is kept, nothing goes on
                    raise
                _remove_leftovers(partial)
                manifest = make_manifest(stage.facts, partial, result, started, time.monotonic() - clock)
                write_atomic(partial / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
                partial.replace(final)
                sync_folder(final.parent)
        return Artifact(final, manifest, was_finished=False)

    @contextmanager
    def _locked(
        self, stage: Stage, on_wait: Callable[[Path], None] | None, share: Callable[[Path], None] | None
    ) -> Iterator[None]:
        path = self._lock_path(stage)
        lock = FileLock(path)
        with io_errors(path):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if on_wait:
                    on_wait(path)
                if share:
                    self._share(stage, lock, share)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _share(self, stage: Stage, lock: BaseFileLock, share: Callable[[Path], None]) -> None:
        """Takes a part of another process's work, as soon as it has begun."""
        while not self.partial(stage).is_dir() and self.find(stage) is None:
            with suppress(Timeout), lock.acquire(timeout=0.1):
                return  # the other process has ended without a folder: the work is ours
        if self.find(stage) is not None:
            return
        try:
            share(self.partial(stage))
        except (WrankError, OSError):
            if self.find(stage) is None:  # else: all was done, and the folder renamed, while a file was being written
                raise

    def artifacts(self) -> list[Artifact]:
        """Every finished artifact, oldest first; reads manifests only."""
        found = [
            Artifact(path.parent, read_manifest(path.parent)) for path in self.root.glob(f"[!.]*/[!.]*/{MANIFEST}")
        ]
        return sorted(found, key=lambda artifact: str(artifact.manifest["finished"]))

    def unfinished(self) -> list[Path]:
        """Partial folders: stages at work now, or killed."""
        return sorted(self.root.glob("[!.]*/.partial-*"))


def _remove_leftovers(folder: Path) -> None:
    """Removes hidden files and folders: half-written ones of an earlier, killed try."""
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def slug(text: str) -> str:
    """Letters, digits, dots, underscores and hyphens only; 80 characters at the most."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "unnamed"


@contextmanager
def io_errors(where: Path) -> Iterator[None]:
    """Turns a full disk, a read-only or forbidden place into a WrankError that says what to do."""
    advice = {
        errno.ENOSPC: "the disk is full: free some space, or set paths.store to another disk",
        errno.EDQUOT: "the disk quota is used up: free some space, or set paths.store to another disk",
        errno.EROFS: "the file system is read-only: set paths.store to a folder that can be written",
        errno.EACCES: "permission denied: set paths.store to a folder that you can write",
        errno.EPERM: "operation not permitted: set paths.store to a folder that you can write",
        errno.ENOTDIR: "a part of this path is a file: set paths.store to a folder",
        errno.EEXIST: "a file stands where a folder is wanted: set paths.store to a folder",
    }
    try:
        yield
    except OSError as error:
        if error.errno not in advice:
            raise
        raise WrankError(f"{error.filename or where}: {advice[error.errno]} ({error.strerror})") from error
    except Exception as error:
        # safetensors and torch report a full disk in errors of their own
        if isinstance(error, WrankError) or not any(words in str(error) for words in _FULL_DISK):
            raise
        raise WrankError(f"{where}: {advice[errno.ENOSPC]} ({error})") from error
