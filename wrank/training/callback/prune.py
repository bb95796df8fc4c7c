"""Ends a training early whose dev scores fall behind those of a search's other trials."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from wrank.errors import Pruned
from wrank.files import write_atomic
from wrank.training.callback.dev import DevScore
from wrank.training.callback.resume import ResumeCheckpoint

PRUNED = "pruned.json"

Ask = Callable[[int, float], bool]
"""Told an optimizer step and the dev score after it; says whether to end here."""


class PruneByDev(pl.Callback):
    """After each dev score but those of the untrained weights and of the last step: asks whether to go on.

    Rank 0 asks, and all ranks follow. Before the training ends a checkpoint is written, so that the same training can
    be gone on from there. A training that ends by itself (last step, patience) is never pruned.

    Args:
        dev: makes the dev scores; its turn is before this callback's.
        resume: writes the checkpoint; its turn is before this callback's, too.
        ask: whom to ask.
        folder: gets the mark that the training was pruned.
    """

    def __init__(self, dev: DevScore, resume: ResumeCheckpoint, ask: Ask, folder: Path) -> None:
        self.dev, self.resume, self.ask, self.folder = dev, resume, ask, folder
        self._asked = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A score of a run that is resumed was asked about before."""
        self._asked = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Asks when there is a new score."""
        step, scores = trainer.global_step, self.dev.history[-1] if self.dev.history else {}
        if step == self._asked or int(scores.get("step", -1)) != step or self.resume.is_last(trainer, batch_idx):
            return
        self._asked = step
        score = next(value for key, value in scores.items() if key != "step")
        if not trainer.strategy.broadcast(self.ask(step, score) if trainer.is_global_zero else False):
            return
        self.resume.save_now(trainer)
        if trainer.is_global_zero:
            write_atomic(self.folder / PRUNED, json.dumps({"step": step, "score": score}) + "\n")
        trainer.strategy.barrier("pruned")
        trainer.should_stop = True


def forget_pruning(folder: Path) -> None:
    """Removes the mark of an earlier try: the training goes on."""
    (folder / PRUNED).unlink(missing_ok=True)


def raise_if_pruned(folder: Path) -> None:
    """Ends a training that was pruned, in any of its processes.

    Raises:
        Pruned: the mark is there.
    """
    if (folder / PRUNED).is_file():
        facts = json.loads((folder / PRUNED).read_text(encoding="utf-8"))
        raise Pruned(int(facts["step"]), float(facts["score"]))
