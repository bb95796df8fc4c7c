"""Writes the weights at the end of the training."""

import json
from pathlib import Path

import pytorch_lightning as pl

from wrank.files import write_atomic
from wrank.training.module import Card, ListwiseModule

LAST_FACTS = "last.json"


class LastWeights(pl.Callback):
    """When training ends, rank 0 writes ``last/`` and how far it came.

    Args:
        folder: where ``last/`` is written.
        card: facts for the model card.
    """

    def __init__(self, folder: Path, card: Card) -> None:
        self.folder, self.card = folder, card

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves the model."""
        assert isinstance(pl_module, ListwiseModule)
        if not trainer.is_global_zero or trainer.interrupted:
            return
        pl_module.model.save(self.folder / "last", base=self.card.base, facts=self.card.facts)
        facts = {"steps": trainer.global_step, "stopped_early": trainer.should_stop}
        write_atomic(self.folder / LAST_FACTS, json.dumps(facts) + "\n")
