"""A training that a search ends early: nothing that looks whole, a checkpoint, and the rest on demand."""

import json

import pytest
import torch

from tests.unit.training.test_fit import same, tiny, training, weights
from wrank.errors import Pruned, Stopped
from wrank.training.callback.prune import PRUNED
from wrank.training.checkpoint import saved_step
from wrank.training.fit import CHECKPOINT, fit


class Scores:
    """Dev scores that fall; may be taken along to spawned ranks."""

    def __call__(self, model):
        return {"nDCG@10": 0.5, "AP": 0.9}


class EndAt:
    """Asks to end at a step, and keeps what it was told."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    def __call__(self, step, score):
        with self.path.open("a") as file:
            file.write(json.dumps([step, score]) + "\n")
        return step >= self.step

    @property
    def told(self):
        return [tuple(json.loads(line)) for line in self.path.read_text().split("\n") if line]


def pruned(collection, folder, ask, **changes):
    keys = {"dev_steps": 2, "max_steps": 8, "checkpoint_steps": 3} | changes
    one = training(collection, tiny(), dev=Scores(), **keys)
    one.prune = ask
    return fit(one, folder)


def test_a_training_that_falls_behind_ends_with_a_checkpoint_of_that_step(collection, tmp_path):
    ask = EndAt(4, tmp_path / "told")
    with pytest.raises(Pruned, match=r"step 4.*0\.5000") as caught:
        pruned(collection, tmp_path, ask)
    assert (caught.value.step, caught.value.score) == (4, 0.5)
    assert isinstance(caught.value, Stopped)  # a tracker pauses its run, and calls it neither finished nor failed
    assert ask.told == [(2, 0.5), (4, 0.5)]  # the first measure; not of the untrained weights
    assert saved_step(tmp_path / CHECKPOINT) == 4


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_pruned_training_goes_on_to_the_same_weights(accumulate, collection, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    pruned(collection, whole, None, accumulate=accumulate)
    with pytest.raises(Pruned):
        pruned(collection, broken, EndAt(4, tmp_path / "told"), accumulate=accumulate)
    result = pruned(collection, broken, None, accumulate=accumulate)
    assert result["resumed_at"] == 4
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert not (broken / PRUNED).exists()
    assert (broken / "metrics.csv").read_text().count("\n") == (whole / "metrics.csv").read_text().count("\n")


def test_the_end_is_never_pruned(collection, tmp_path):
    """The whole training is done by then: its score is the trial's objective."""
    ask = EndAt(8, tmp_path / "told")
    assert pruned(collection, tmp_path, ask)["steps"] == 8
    assert [step for step, _ in ask.told] == [2, 4, 6]


def test_a_training_out_of_patience_is_not_pruned(collection, tmp_path):
    ask = EndAt(2, tmp_path / "told")
    result = pruned(collection, tmp_path, ask, patience=1)
    assert result["stopped_early"]
    assert not (tmp_path / "told").exists()


@pytest.mark.slow
def test_spawned_ranks_end_together(collection, tmp_path):
    torch.manual_seed(0)
    ask = EndAt(4, tmp_path / "told")
    with pytest.raises(Pruned, match="step 4"):
        pruned(collection, tmp_path, ask, batch_size=2, devices=2, strategy="ddp_spawn", in_batch="local")
    assert [step for step, _ in ask.told] == [2, 4]  # asked once a score, by one rank
    assert saved_step(tmp_path / CHECKPOINT) == 4
