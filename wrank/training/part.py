"""One round of a training in several: where it ends, and what it goes on from.

A round ends with its whole state in ``round.ckpt``: weights, optimizer, learning-rate schedule, position in the data,
callbacks' states. The next one begins with that file as if it had been killed there, so that rounds between which
nothing changes are one unbroken training, bit for bit.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from wrank.errors import WrankError
from wrank.store import io_errors
from wrank.training.callback.dev import DEV_SCORES
from wrank.training.metrics import METRICS, new_log

ROUND_STATE = "round.ckpt"


@dataclass(frozen=True)
class Part:
    """One round of a training.

    Attributes:
        title: what progress calls it, e.g. ``round 1 of 3``.
        stop: the optimizer step at which the round ends; None = where the whole training does.
        previous: folder of the finished round that this one goes on from; None = it begins anew.
        fresh_optimizer: AdamW's moments begin at 0 in this round; schedule and position go on all the same.
        decay: also keep a moving average of the weights, in ``average/``, with this decay (0 to below 1); None = none.
    """

    title: str = "training"
    stop: int | None = None
    previous: Path | None = None
    fresh_optimizer: bool = False
    decay: float | None = None

    def prepare(self, folder: Path, checkpoint: Path) -> int:
        """Lays out the previous round's state in the folder of this one, unless it was begun already.

        Args:
            folder: of this round.
            checkpoint: the file in it that a training goes on from.

        Returns:
            The optimizer step that the round begins at.

        Raises:
            WrankError: the previous round has left no state.
        """
        if self.previous is None:
            return 0
        state = self.previous / ROUND_STATE
        if not state.is_file():
            raise WrankError(f"{self.previous}: there is no {ROUND_STATE} in it, so no round can go on from it")
        saved = torch.load(state, map_location="cpu", weights_only=True, mmap=True)
        if checkpoint.is_file():
            return int(saved["global_step"])
        with io_errors(checkpoint):
            if (self.previous / DEV_SCORES).is_file():  # the best weights may be those of a round before
                shutil.copytree(self.previous / "best", folder / "best", dirs_exist_ok=True)
                shutil.copyfile(self.previous / DEV_SCORES, folder / DEV_SCORES)
            if (self.previous / METRICS).is_file() and not list(folder.glob("log-*")):
                log = folder / new_log(folder)
                log.mkdir()
                shutil.copyfile(self.previous / METRICS, log / METRICS)
            fresh = checkpoint.with_suffix(".new")
            if self.fresh_optimizer:
                for optimizer in saved["optimizer_states"]:
                    optimizer["state"] = {}
                torch.save(saved, fresh)
            else:
                shutil.copyfile(state, fresh)
            fresh.replace(checkpoint)
        return int(saved["global_step"])
