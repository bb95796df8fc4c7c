"""Checkpoints to go on from after a kill."""

import copy
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
        self._saved_at = self._step = -1
        self._loops: dict[str, Any] = {}  # as the last optimizer step left them, where batches are accumulated
        self._going_back = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed step is saved already; saved again in the middle of an accumulation it would lose gradients."""
        self._saved_at = self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves when due."""
        step = trainer.global_step
        self._going_back = step == self._step
        if not self._going_back and trainer.accumulate_grad_batches > 1:
            self._loops = copy.deepcopy(trainer.fit_loop.state_dict())
        self._step = step
        ends = step == self.stop and self.state is not None
        if (ends or step % self.steps == 0) and not self._ends(trainer, batch_idx):
            self._save(trainer, self.state if ends and self.state is not None else self.path)

    def is_last(self, trainer: pl.Trainer, batch_idx: int) -> bool:
        """Whether the training, or this round of it, ends with this batch."""
        return trainer.global_step == self.stop or self._ends(trainer, batch_idx)

    def save_now(self, trainer: pl.Trainer) -> None:
        """Saves the last optimizer step, unless it is saved already; after ``on_train_batch_end`` of the same batch.

        In the middle of an accumulation the position goes back to that step, too: the batches since then are done again
        by the training that goes on, since their gradients are in no checkpoint.
        """
        self._save(trainer, self.path)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Puts the position of the last optimizer step into the checkpoint."""
        if self._going_back:
            checkpoint["loops"]["fit_loop"] = self._loops

    def _ends(self, trainer: pl.Trainer, batch_idx: int) -> bool:
        return batch_idx + 1 >= trainer.num_training_batches or trainer.should_stop

    def _save(self, trainer: pl.Trainer, path: Path) -> None:
        step = trainer.global_step
        if step == self._saved_at or step == 0:
            return
        with io_errors(path):
            trainer.save_checkpoint(fresh_path(path))  # returns when every rank has written its share
        if trainer.is_global_zero:
            put_in_place(path, step)
        self._saved_at = step
        trainer.strategy.barrier("resume-checkpoint")
