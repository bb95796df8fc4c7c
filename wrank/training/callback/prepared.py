"""What each process that trains must do itself: a compiled model and a setting of memory do not reach spawned ones."""

import pytorch_lightning as pl

from wrank.training.compute import compile_transformers, give_memory_back
from wrank.training.settings import TrainerSettings


class Prepared(pl.Callback):
    """Before the first batch compiles the transformers, and sets up memory for cached gradients, where they are wanted.

    Args:
        settings: the trainer's keys.
    """

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings = settings

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """See `wrank.training.compute`."""
        if self.settings.compile:
            compile_transformers(pl_module)
        if self.settings.cache_gradients and pl_module.device.type == "cpu":
            give_memory_back()
