"""Moves temperatures in the course of a training."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from wrank.training.base import TrainingModule
from wrank.training.temperature import OF_MODEL, Course, temperatures_of


class MovingTemperatures(pl.Callback):
    """Sets each temperature before a batch to what the optimizer step says.

    Args:
        courses: name of a temperature -> its course; it starts at the value that loss or model have when training
            begins, also when the training is resumed.
    """

    def __init__(self, courses: Mapping[str, Course]) -> None:
        self.courses = dict(courses)
        self._start: dict[str, float] = {}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Sets them."""
        assert isinstance(pl_module, TrainingModule)
        done = trainer.global_step / max(1, pl_module.total_steps - 1)
        places = temperatures_of(pl_module.loss)
        for name, course in self.courses.items():
            if name == OF_MODEL:
                settings = pl_module.model.settings
                start = self._start.setdefault(name, settings.temperature)
                pl_module.model.settings = dataclasses.replace(settings, temperature=course.at(start, done))
            else:
                part, attribute = places[name]
                start = self._start.setdefault(name, getattr(part, attribute))
                setattr(part, attribute, course.at(start, done))
