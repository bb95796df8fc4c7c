"""How far a training is: a bar on a terminal, a line now and then in a log file."""

import logging
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

from wrank.progress import report

log = logging.getLogger(__name__)


class TrainingProgress(RichProgressBar):
    """Rich bar over the whole training: batches done, rate, time gone and left, the loss.

    Args:
        title: what it is called.
    """

    def __init__(self, title: str = "training") -> None:
        super().__init__(console_kwargs={"stderr": True})
        self.title = title

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Without the version number that Lightning shows first."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def _get_train_description(self, current_epoch: int) -> str:
        return self.title


class TrainingReport(pl.Callback):
    """The same for ``wrank status``, from whichever process is rank 0.

    Args:
        title: what it is called.
    """

    def __init__(self, title: str = "training") -> None:
        self.title = title

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Says that it begins."""
        self._report(trainer, trainer.fit_loop.total_batch_idx + 1)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Says how far it is."""
        self._report(trainer, batch_idx + 1)

    def _report(self, trainer: pl.Trainer, done: int) -> None:
        if trainer.is_global_zero:
            report(self.title, done, int(trainer.num_training_batches), "batches")


class TrainingLines(pl.Callback):
    """The same as lines, for a cluster's log files: batches done, the loss, the rate and the time left.

    Args:
        seconds: time between two lines.
        title: what each begins with.
    """

    def __init__(self, seconds: float = 60.0, title: str = "training") -> None:
        self.seconds, self.title = seconds, title
        self._first = -1
        self._started = self._said = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begins to count; a resumed training begins in the middle."""
        if self._first < 0:
            self._first, self._started = batch_idx, time.monotonic()
            self._said = self._started

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Says how far it is, when it is time."""
        now, total = time.monotonic(), int(trainer.num_training_batches)
        if not trainer.is_global_zero or now - self._said < self.seconds:
            return
        self._said = now
        rate = (batch_idx + 1 - self._first) / (now - self._started)
        left = timedelta(seconds=round((total - batch_idx - 1) / rate))
        loss = float(trainer.callback_metrics.get("loss", float("nan")))
        log.info(
            "%s: batch %d of %d, loss %.4f, %.2f batches/s, %s left",
            *(self.title, batch_idx + 1, total, loss, rate, left),
        )
