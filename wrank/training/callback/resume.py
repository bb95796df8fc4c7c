"""Checkpoints to go on from after a kill."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from wrank.store import io_errors


class ResumeCheckpoint(pl.Callback):
    """Every so many optimizer steps writes ``resume.ckpt``: weights, optimizer, schedule, position, callbacks' states.

    Placed last among the callbacks, so that the others' states of the same step are in it. The file is replaced
    atomically. At the last batch none is written: the artifact is about to be finished.

    Args:
        path: the checkpoint's file.
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
        fresh = path.with_suffix(".new")
        with io_errors(path):
            trainer.save_checkpoint(fresh)
            if trainer.is_global_zero:
                fresh.replace(path)
        trainer.strategy.barrier("resume-checkpoint")
