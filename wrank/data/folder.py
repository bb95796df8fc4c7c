"""A folder that is built once, whole or not at all: what tables of texts and of judgements have in common."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from wrank.errors import WrankError
from wrank.files import sync_folder, write_atomic

FORMAT = 4
"""Version of the folders' layout; part of every cache key."""

META = "meta.json"


def build_once(folder: Path, write: Callable[[Path], None]) -> None:
    """Has a folder written, unless it is there; of several processes one writes, the others wait.

    Work goes on in a partial folder beside it, which is renamed when complete; what a killed process left is removed.

    Args:
        folder: where; its parents are made.
        write: fills the empty folder that it is given, and ends with `finish`.

    Raises:
        WrankError: a full disk, a place that cannot be written, and what `write` raises.
    """
    if (folder / META).is_file():
        return
    partial = folder.parent / f".{folder.name}.partial"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if not (folder / META).is_file():
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    write(partial)
                    partial.rename(folder)
                    sync_folder(folder.parent)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise WrankError(
            f"{error.filename or folder}: cannot be written ({error.strerror or error}): wanted free space and a "
            f"folder that can be written"
        ) from error


def finish(folder: Path, facts: Mapping[str, Any]) -> None:
    """Makes the files of a folder last, and writes ``meta.json`` with `facts` and each file's size."""
    sizes = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb+") as file:
            sizes[path.name] = file.seek(0, 2)
            os.fsync(file.fileno())
    write_atomic(folder / META, json.dumps({"format": FORMAT, **facts, "bytes": sizes}, indent=1) + "\n")


def read_meta(folder: Path, what: str) -> dict[str, Any]:
    """The facts of a finished folder.

    Args:
        folder: what `build_once` made.
        what: what it is, for messages, e.g. ``table of texts``.

    Raises:
        WrankError: none there, another format, or a file of the wrong size.
    """
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        wrong = meta["format"] != FORMAT or any(
            (folder / name).stat().st_size != size for name, size in meta["bytes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrankError(f"{folder}: no {what} ({error!r}): remove that folder, it is built again") from None
    if wrong:
        raise WrankError(f"{folder}: a {what} of another format, or damaged: remove that folder, it is built again")
    return dict(meta)


def mapped(path: Path, kind: str) -> Any:
    """A file of numbers as an array, mapped into memory: shared by processes, read when touched.

    Args:
        path: the file; may be empty.
        kind: NumPy's name of the numbers, e.g. ``<i8``.
    """
    import numpy as np

    if not path.stat().st_size:
        return np.empty(0, dtype=kind)
    return np.asarray(np.memmap(path, dtype=kind, mode="r"))  # a memmap's own indexing is several times slower
