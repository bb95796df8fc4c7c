"""What fetched collections have in common: whole or not at all, by one process alone, with a record of what came."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sync_folder, write_atomic

RECORD = "fetched.json"
"""Where a fetched folder keeps what it was made of."""

_log = logging.getLogger(__name__)


def make_once(final: Path, fill: Callable[[Path], Path]) -> None:
    """Makes a folder, unless a finished one is there; of several processes one works, the others wait.

    Args:
        final: the folder; the one above it is made if need be.
        fill: given an empty folder beside it, returns the folder (in there) that becomes `final`, with its record.

    Raises:
        WrankError: a full disk, or no right to write; and whatever `fill` raises. Nothing is left behind then.
    """
    folder, partial = final.parent, final.parent / f".{final.name}.partial"
    lock = FileLock(folder / f".{final.name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.warning("%s: another process fetches it; waiting", final)
            lock.acquire()
        try:
            if not (final / RECORD).is_file():
                _fill(final, partial, fill)
        finally:
            lock.release()
    except OSError as error:
        raise WrankError(
            f"{error.filename or folder}: cannot be written ({error.strerror or error}): wanted free space in "
            f"{folder}, and the right to write"
        ) from error


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    """Writes a folder's record: `facts`, and the SHA-256 of every file under ``files``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / RECORD)
    hashes = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}
    write_atomic(folder / RECORD, json.dumps({**facts, "files": hashes}, indent=1) + "\n")


def parse_record(folder: Path, *texts: str) -> dict[str, Any]:
    """The record of a fetched folder.

    Args:
        folder: with ``fetched.json`` in it.
        texts: keys whose values must be strings.

    Raises:
        WrankError: it is damaged, or cannot be read.
    """
    record = folder / RECORD
    try:
        facts = json.loads(record.read_bytes())
        if not all(isinstance(facts[key], str) for key in texts) or not isinstance(facts["files"], dict):
            raise TypeError(f"{' or '.join([*texts, 'files'])} is of another type")
    except (ValueError, KeyError, TypeError) as error:
        raise WrankError(f"{record}: damaged ({error!r}): remove {folder} and fetch it again") from None
    except OSError as error:
        raise WrankError(f"{record}: cannot be read ({error.strerror or error})") from None
    return dict(facts)


def _fill(final: Path, partial: Path, fill: Callable[[Path], Path]) -> None:
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    partial.mkdir()
    try:
        fill(partial).rename(final)
        sync_folder(final.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
