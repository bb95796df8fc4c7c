"""Checkpoints to go on from after a kill."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from wrank.store import io_errors
from wrank.training.checkpoint import fresh_path, put_in_place


class ResumeCheckpoint(pl.Callback):
    """Every so many optimizer steps writes ``resume.ckpt``: weights, optimizer, schedule, position, callbacks' states.

    Placed last among the callbacks, so that the others' states of the same step are in it. It is a folder where the
    strategy makes one of it; either is whole at any time (`wrank.training.checkpoint`). At the last batch none is
    written: the artifact is about to be finished.

    Args:
        path: the checkpoint.
        steps: optimizer steps between two checkpoints.
        stop: the optimizer step at which a round of a training in several ends: its state goes to `state`, and stays;
            None = the training has one round, or this is the last.
        state: that file.
    """

    def __init__(self, path: Path, steps: int, stop: int | None = None, state: Path | None = None) -> None:
        self.path, self.steps, self.stop, self.state = path, steps, stop, state
        self._saved_at = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed step is saved already; saved again in the middle of an accumulation it would lose gradients."""
        self._saved_at = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves when due."""
        step = trainer.global_step
        ends = step == self.stop and self.state is not None
        due = step > 0 and (ends or step % self.steps == 0) and step != self._saved_at
        if not due or batch_idx + 1 >= trainer.num_training_batches or trainer.should_stop:
            return
        self._saved_at = step
        path = self.state if ends and self.state is not None else self.path
        with io_errors(path):
            trainer.save_checkpoint(fresh_path(path))  # returns when every rank has written its share
        if trainer.is_global_zero:
            put_in_place(path, step)
        trainer.strategy.barrier("resume-checkpoint")
