"""A training in rounds is the unbroken training, wherever it is cut or killed."""

import json

import pytest
import pytorch_lightning as pl
import torch

from wrank.data.lists import ListSampler
from wrank.errors import WrankError
from wrank.loss.kl import KL
from wrank.model.bi_encoder import BiEncoder
from wrank.training.fit import Training, fit
from wrank.training.part import ROUND_STATE, Part
from wrank.training.settings import TrainerSettings

SETTINGS = {"max_steps": 8, "batch_size": 4, "precision": "32-true", "accelerator": "cpu", "checkpoint_steps": 2}


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


class KillAt(pl.Callback):
    def __init__(self, batch):
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch:
            raise Killed


def training(collection, dev=None, part=None, callbacks=(), **changes):
    return Training(
        model=BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1),
        loss=KL(temperature=0.1, label_temperature=1.0),
        sampler=ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0),
        known=collection.known_keys,
        settings=TrainerSettings(**(SETTINGS | changes)),
        seed=0,
        dev=dev,
        callbacks=callbacks,
        part=part or Part(),
    )


def weights(folder):
    return BiEncoder(path=str(folder)).state_dict()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def falling(model):
    """A dev score that says which weights it saw, and is best at the start."""
    return {"nDCG@10": 1 / (1 + float(sum(value.abs().double().sum() for value in model.state_dict().values())) ** 2)}


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / name for name in ("whole", "first", "second", "third")]
    for folder in made:
        folder.mkdir()
    return made


def column(folder, name):
    head, *rows = (folder / "metrics.csv").read_text().strip().split("\n")
    place = head.split(",").index(name)
    return [row.split(",")[place] for row in rows if row.split(",")[place]]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_rounds_without_a_change_between_them_are_one_training(accumulate, collection, folders):
    """Dropout, clipping, warm-up, dev scores: the same weights, losses and best weights."""
    whole, first, second, third = folders
    named = {"accumulate": accumulate, "dev_steps": 2, "warmup": 0.3, "dev": falling}
    fit(training(collection, **named), whole)
    results = [
        fit(training(collection, part=Part(stop=3), **named), first),
        fit(training(collection, part=Part(stop=5, previous=first), **named), second),
        fit(training(collection, part=Part(previous=second), **named), third),
    ]
    assert [result["steps"] for result in results] == [3, 5, 8]
    assert [result.get("begins_at", 0) for result in results] == [0, 3, 5]
    assert {result["resumed_at"] for result in results} == {0}
    assert not same(weights(first / "last"), weights(third / "last"))
    for folder in ("last", "best"):
        assert same(weights(whole / folder), weights(third / folder))
    for name in ("train/loss", "train/learning_rate", "val/dev/nDCG@10"):
        assert column(whole, name) == column(third, name)
    assert json.loads((whole / "dev.json").read_text()) == json.loads((third / "dev.json").read_text())
    assert [(folder / ROUND_STATE).is_file() for folder in folders] == [False, True, True, False]


@pytest.mark.parametrize("killed_at", [2, 3, 4])
def test_round_that_was_killed_ends_as_an_unbroken_one(killed_at, collection, folders):
    """At its first step, before and after its first checkpoint."""
    whole, first, second, _ = folders
    fit(training(collection), whole)
    fit(training(collection, part=Part(stop=2)), first)
    with pytest.raises(Killed):
        fit(training(collection, part=Part(previous=first), callbacks=[KillAt(killed_at)]), second)
    result = fit(training(collection, part=Part(previous=first)), second)
    assert (result["begins_at"], result["resumed_at"]) == (2, 4 if killed_at == 4 else 0)
    assert same(weights(whole / "last"), weights(second / "last"))


def test_killed_at_the_end_of_a_round_it_goes_on_before_it(collection, folders):
    """A checkpoint of the round's last step would leave nothing to do, and so no weights."""
    whole, first, second, _ = folders

    class KillAtEnd(pl.Callback):
        def on_train_end(self, trainer, pl_module):
            raise Killed

    fit(training(collection), whole)
    with pytest.raises(Killed):
        fit(training(collection, part=Part(stop=4), callbacks=[KillAtEnd()]), first)
    assert fit(training(collection, part=Part(stop=4)), first)["resumed_at"] == 2
    fit(training(collection, part=Part(previous=first)), second)
    assert same(weights(whole / "last"), weights(second / "last"))


def test_fresh_optimizer_is_another_training_with_the_same_learning_rates(collection, folders):
    whole, first, second, _ = folders
    fit(training(collection), whole)
    fit(training(collection, part=Part(stop=4)), first)
    fit(training(collection, part=Part(previous=first, fresh_optimizer=True)), second)
    assert not same(weights(whole / "last"), weights(second / "last"))
    assert column(whole, "train/learning_rate") == column(second, "train/learning_rate")
    losses = column(whole, "train/loss"), column(second, "train/loss")
    assert losses[0][:5] == losses[1][:5]  # the first step after the cut still sees the same weights
    assert losses[0][6:] != losses[1][6:]


def test_round_before_without_its_state_is_named(collection, folders):
    _, first, second, _ = folders
    with pytest.raises(WrankError, match=r"first.*round\.ckpt"):
        fit(training(collection, part=Part(previous=first)), second)
