"""The model with all its weights, where ranks may share them out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl


@contextmanager
def whole_model(trainer: pl.Trainer, model: Any) -> Iterator[Any]:
    """A model to score or save on rank 0 while the block runs; every rank must come here.

    It is the model itself, unless the strategy shares its weights out (`wrank.training.sharding`).
    """
    strategy: Any = trainer.strategy
    if not hasattr(strategy, "whole"):
        yield model
        return
    yield strategy.whole(model)
    strategy.put_away()
