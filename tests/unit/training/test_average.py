"""The moving average of the weights."""

import pytest
import pytorch_lightning as pl
import torch

from tests.unit.training.test_part import KillAt, Killed, same, training, weights
from wrank.training.fit import fit
from wrank.training.part import Part


class Seen(pl.Callback):
    """Every step's weights."""

    def __init__(self):
        self.steps = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if len(self.steps) < trainer.global_step:
            state = pl_module.model.state_dict()
            self.steps.append({name: value.detach().clone() for name, value in state.items()})


@pytest.mark.parametrize("accumulate", [1, 2])
def test_average_is_the_recursion_over_the_steps(accumulate, collection, tmp_path):
    seen = Seen()
    named = {"accumulate": accumulate, "max_steps": 5, "learning_rate": 1e-2}  # large steps, so that shares show
    fit(training(collection, part=Part(decay=0.6), callbacks=[seen], **named), tmp_path)
    expected = dict(seen.steps[0])
    for step, decay in ((2, 0.5), (3, 0.6), (4, 0.6), (5, 0.6)):
        for name, value in seen.steps[step - 1].items():
            if value.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * value
    average, last = weights(tmp_path / "average"), weights(tmp_path / "last")
    for name, value in average.items():
        torch.testing.assert_close(value, expected[name])
    assert not same(average, last)
    assert same(last, seen.steps[-1])


def test_decay_0_keeps_the_last_weights(collection, tmp_path):
    fit(training(collection, part=Part(decay=0.0), max_steps=3), tmp_path)
    for name, value in weights(tmp_path / "average").items():
        torch.testing.assert_close(value, weights(tmp_path / "last")[name])


def test_killed_training_ends_with_the_average_of_an_unbroken_one(collection, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    fit(training(collection, part=Part(decay=0.9)), whole)
    with pytest.raises(Killed):
        fit(training(collection, part=Part(decay=0.9), callbacks=[KillAt(5)]), broken)
    assert fit(training(collection, part=Part(decay=0.9)), broken)["resumed_at"] == 4
    for folder in ("average", "last"):
        assert same(weights(whole / folder), weights(broken / folder))


def test_training_without_an_average_writes_none_and_trains_the_same(collection, tmp_path):
    plain, averaged = tmp_path / "plain", tmp_path / "averaged"
    for folder in (plain, averaged):
        folder.mkdir()
    fit(training(collection, max_steps=3), plain)
    fit(training(collection, part=Part(decay=0.9), max_steps=3), averaged)
    assert not (plain / "average").exists()
    assert same(weights(plain / "last"), weights(averaged / "last"))
