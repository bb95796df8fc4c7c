"""A checkpoint to go on from: one file, or a folder where the strategy has each rank write its share (DeepSpeed).

A folder cannot take another's place in one step as a file can: the old one is moved aside first, and a kill between the
two moves leaves it there whole, from where it comes back.
"""

import json
import shutil
from pathlib import Path

import torch

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.store import io_errors

STEP = "step.json"
"""In a folder: the optimizer step, as none of the strategy's own files is known here."""


def fresh_path(checkpoint: Path) -> Path:
    """Where a checkpoint is written before it takes its place."""
    return checkpoint.with_suffix(".new")


def put_in_place(checkpoint: Path, step: int) -> None:
    """Lets the one at `fresh_path` take the checkpoint's place, whole at any time; rank 0 only, when all have written.

    Args:
        checkpoint: the place.
        step: the optimizer step that it was written after.
    """
    fresh, old = fresh_path(checkpoint), _old(checkpoint)
    with io_errors(checkpoint):
        if not fresh.is_dir():
            fresh.replace(checkpoint)
            return
        write_atomic(fresh / STEP, json.dumps({"global_step": step}) + "\n")
        if checkpoint.exists():
            remove(old)
            checkpoint.replace(old)
        fresh.replace(checkpoint)
        remove(old)


def recover(checkpoint: Path) -> None:
    """After a kill: brings a folder back that was moved aside, and removes what was not written to the end."""
    old = _old(checkpoint)
    with io_errors(checkpoint):
        if old.exists() and not checkpoint.exists():
            old.replace(checkpoint)
        remove(old)
        remove(fresh_path(checkpoint))


def saved_step(checkpoint: Path) -> int:
    """The optimizer step that a checkpoint was written after; 0 where there is none.

    Raises:
        WrankError: it is no checkpoint.
    """
    try:
        if checkpoint.is_dir():
            return int(json.loads((checkpoint / STEP).read_text(encoding="utf-8"))["global_step"])
        if not checkpoint.is_file():
            return 0
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])
    except Exception as error:
        raise WrankError(
            f"{checkpoint}: not a checkpoint that can be gone on from ({error}); remove it to start anew"
        ) from None


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _old(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".old")
