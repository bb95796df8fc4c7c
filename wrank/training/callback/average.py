"""A moving average of the weights, as a teacher of the next round."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from wrank.training.base import Card, TrainingModule

AVERAGE = "average"


class AverageWeights(pl.Callback):
    """After each optimizer step moves the average a little towards the weights; at the end writes ``average/``.

    After step t (from 1) the average becomes d * average + (1 - d) * weights, d = min(decay, 1 - 1/t): a plain mean
    over the first steps, in which the weights before training do not count, then a moving one.

    Source: Tarvainen and Valpola, "Mean teachers are better role models" (arXiv 1703.01780, 2017).

    Args:
        folder: where ``average/`` is written.
        card: facts for the model card.
        decay: d at its largest, 0 (the weights themselves) to below 1.
    """

    def __init__(self, folder: Path, card: Card, decay: float) -> None:
        self.folder, self.card, self.decay = folder, card, decay
        self.average: dict[str, Tensor] = {}
        self._step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins with the weights as they are; a resumed training has its average already."""
        self._step = trainer.global_step
        for name, weight in _trained(pl_module).items():
            if name in self.average:
                self.average[name] = self.average[name].to(weight.device)
            else:
                self.average[name] = weight.detach().float().clone()  # small moves are lost in bfloat16

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Moves the average where an optimizer step was made."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        decay = min(self.decay, 1 - 1 / self._step)
        for name, weight in _trained(pl_module).items():
            self.average[name].lerp_(weight.float(), 1 - decay)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves the model with the average in the place of its weights, which stay as they are."""
        assert isinstance(pl_module, TrainingModule)
        if not trainer.is_global_zero or trainer.interrupted:
            return
        weights = _trained(pl_module)
        kept = {name: weight.detach().clone() for name, weight in weights.items()}
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(self.average[name])
            pl_module.model.save(self.folder / AVERAGE, base=self.card.base, facts=self.card.facts)
            for name, weight in weights.items():
                weight.copy_(kept[name])

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.average = dict(state_dict["average"])


def _trained(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    """The model's parameters that are trained, by name."""
    assert isinstance(pl_module, TrainingModule)
    return {name: weight for name, weight in pl_module.model.named_parameters() if weight.requires_grad}
