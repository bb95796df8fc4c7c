"""A log file without a terminal still says how far a training is."""

import logging
from types import SimpleNamespace

import torch

from wrank.training.callback.progress import TrainingLines


def test_lines_name_batch_loss_rate_and_time_left(caplog):
    lines = TrainingLines(seconds=0.0)
    trainer = SimpleNamespace(num_training_batches=8, is_global_zero=True, callback_metrics={"loss": torch.tensor(0.5)})
    with caplog.at_level(logging.INFO):
        for batch in (4, 5):  # resumed in the middle
            lines.on_train_batch_start(trainer, None, None, batch)
            lines.on_train_batch_end(trainer, None, None, None, batch)
    assert "batch 6 of 8, loss 0.5000" in caplog.text
    assert "left" in caplog.text


def test_other_ranks_are_silent(caplog):
    lines = TrainingLines(seconds=0.0)
    trainer = SimpleNamespace(num_training_batches=8, is_global_zero=False, callback_metrics={})
    with caplog.at_level(logging.INFO):
        lines.on_train_batch_start(trainer, None, None, 0)
        lines.on_train_batch_end(trainer, None, None, None, 0)
    assert not caplog.text
