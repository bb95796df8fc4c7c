"""Stops a training that was asked to by a signal, with a checkpoint of its last optimizer step."""

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector

from wrank.errors import Stopped
from wrank.training.callback.resume import ResumeCheckpoint
from wrank.training.gather import is_distributed
from wrank.training.signals import SIGNALS, Watch, outlive


class OwnSignals(_SignalConnector):
    """In the place of Lightning's, which on SIGTERM leaves without a checkpoint, from within a signal handler."""

    def register_signal_handlers(self) -> None:
        """Leaves the handlers as they are."""
        self.received_sigterm = False


class Preempt(pl.Callback):
    """At the end of a batch all ranks look for signals; one that came to any of them is answered by all.

    First the checkpoint, then the figures of the batch, which Lightning writes after the callbacks; before the next
    batch the handlers that were there before ours are called, and what they raise ends the training. Where there was
    none, `Stopped` does. In the last batch nothing is done: the artifact is about to be finished.

    Args:
        watch: remembers the signals.
        resume: writes the checkpoint; its turn is before this callback's.
    """

    def __init__(self, watch: Watch, resume: ResumeCheckpoint) -> None:
        self.watch, self.resume = watch, resume
        self._answering = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Ranks that wrank has spawned leave the signals to it."""
        if not self.watch.is_main:
            outlive()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the first batch there is nothing to save: a training that is gone on from has its checkpoint."""
        if signals := _any_ranks(trainer, self.watch.asked()):
            self._answer(trainer, signals)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves when asked."""
        if self.resume.is_last(trainer, batch_idx):
            return
        self._answering = _any_ranks(trainer, self.watch.asked())
        if self._answering:
            self.resume.save_now(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Answers what was asked in the batch before."""
        signals, self._answering = self._answering, 0
        if signals:
            self._answer(trainer, signals)

    def _answer(self, trainer: pl.Trainer, signals: int) -> None:
        watch, step = self.watch, trainer.global_step
        if not watch.is_main:
            leave = False
            if trainer.is_global_zero:
                watch.clear(signals)
                leave = watch.ask_main(signals, step)
            if _any_ranks(trainer, int(leave)):
                raise SystemExit(0)  # the main process says why
            return
        ending: BaseException | None = None
        watch.clear(signals)
        try:
            watch.answer(signals, step)
        except BaseException as error:
            ending = error
        try:
            leave = bool(_any_ranks(trainer, int(ending is not None)))
        except RuntimeError:  # the others are gone already
            leave = True
        if ending is not None:
            raise ending
        if leave:
            raise Stopped(f"stopped with the other ranks {watch.place(step)}")


def _any_ranks(trainer: pl.Trainer, bits: int) -> int:
    """The bits that are set in any of the ranks."""
    if not is_distributed():
        return bits
    flags = [bits >> place & 1 for place in range(len(SIGNALS))]
    joined = torch.tensor(flags, dtype=torch.int32, device=trainer.strategy.root_device)
    dist.all_reduce(joined, op=dist.ReduceOp.MAX)
    return sum(flag << place for place, flag in enumerate(joined.tolist()))
