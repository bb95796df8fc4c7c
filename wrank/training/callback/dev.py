"""Scores the dev queries during training, keeps the best weights, stops early."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from wrank.files import write_atomic
from wrank.training.base import Card, TrainingModule
from wrank.training.whole import whole_model

DEV_SCORES = "dev.json"


class DevScore(pl.Callback):
    """Every so many steps, and after the last: score, log ``val/<set>/<measure>``, keep ``best/``, stop early.

    Args:
        score: the model -> measure -> value over the dev queries; the first measure steers.
        prefix: what the logged names begin with: ``val/<set>``.
        steps: optimizer steps between two scorings.
        patience: scorings without a better score after which training stops; None = never.
        folder: where ``best/`` is written.
        card: facts for the model card.
    """

    def __init__(
        self,
        score: Callable[[Any], dict[str, float]],
        *,
        prefix: str,
        steps: int,
        patience: int | None,
        folder: Path,
        card: Card,
    ) -> None:
        self.score, self.prefix, self.steps, self.patience = score, prefix, steps, patience
        self.folder, self.card = folder, card
        self.best: float = -1.0
        self.best_step = -1
        self.without_better = 0
        self.history: list[dict[str, float]] = []
        self._last_step = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Scores the start, so that a training that only harms leaves the start as its best."""
        if not self.history:
            self._run(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Scores when due."""
        step, last = trainer.global_step, batch_idx + 1 >= trainer.num_training_batches
        if step != self._last_step and (step % self.steps == 0 or last):
            self._run(trainer, pl_module)

    def _run(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        self._last_step = trainer.global_step
        with whole_model(trainer, pl_module.model) as model:
            scores = trainer.strategy.broadcast(self.score(model) if trainer.is_global_zero else {})
            self.history.append({"step": float(trainer.global_step)} | scores)
            value = next(iter(scores.values()))
            if value > self.best:
                self.best, self.best_step, self.without_better = value, trainer.global_step, 0
                if trainer.is_global_zero:
                    model.save(self.folder / "best", scores=scores, base=self.card.base, facts=self.card.facts)
            else:
                self.without_better += 1
        if trainer.is_global_zero:
            facts = {"best": self.best, "best_step": self.best_step, "history": self.history}
            write_atomic(self.folder / DEV_SCORES, json.dumps(facts, indent=1) + "\n")
        named = {f"{self.prefix}/{measure}": score for measure, score in scores.items()}
        if trainer.logger is not None:
            for logger in trainer.loggers:
                logger.log_metrics(named, step=trainer.global_step)
        trainer.callback_metrics.update({name: torch.tensor(score) for name, score in named.items()})
        if self.patience is not None and self.without_better >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "without_better": self.without_better,
            "history": self.history,
            "last_step": self._last_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]
        self.without_better, self.history = state_dict["without_better"], state_dict["history"]
        self._last_step = state_dict["last_step"]
