"""Writes the weights at the end of the training."""

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from wrank.files import write_atomic
from wrank.training.base import Card, TrainingModule
from wrank.training.callback.dev import DevScore
from wrank.training.whole import whole_model

LAST_FACTS = "last.json"


class LastWeights(pl.Callback):
    """When training ends, rank 0 writes ``last/`` and how far it came.

    Args:
        folder: where ``last/`` is written.
        card: facts for the model card.
        dev: where the last dev scores are, for the card; None = there are none.
    """

    def __init__(self, folder: Path, card: Card, dev: DevScore | None) -> None:
        self.folder, self.card, self.dev = folder, card, dev

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves the model."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.interrupted:
            return
        with whole_model(trainer, pl_module.model) as model:
            if trainer.is_global_zero:
                self._save(trainer, model)

    def _save(self, trainer: pl.Trainer, model: Any) -> None:
        scores = {} if self.dev is None else {key: v for key, v in self.dev.history[-1].items() if key != "step"}
        model.save(self.folder / "last", scores=scores, base=self.card.base, facts=self.card.facts)
        facts = {"steps": trainer.global_step, "stopped_early": trainer.should_stop}
        write_atomic(self.folder / LAST_FACTS, json.dumps(facts) + "\n")
