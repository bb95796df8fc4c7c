"""A mix with noise, trained for real: on two ranks, or killed in mid-epoch, it ends where one unbroken process does."""

import os
import signal

import pytest
import pytorch_lightning as pl
import torch

from tests.fixtures.mixture import QUERIES, mixture, mixture_sampler
from wrank.loss.kl import KL
from wrank.model.bi_encoder import BiEncoder
from wrank.training.fit import CHECKPOINT, Training, fit
from wrank.training.settings import TrainerSettings

STEPS, JOINED = 10, 4  # through three epochs of 11 queries, into the fourth; the schedule's second stage is passed


class Kill(pl.Callback):
    """Ends the last rank at a batch, as the kernel would."""

    def __init__(self, batch):
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch and trainer.global_rank == trainer.world_size - 1:
            os.kill(os.getpid(), signal.SIGKILL)


class Stopped(Exception):
    """Stands for a kill where the process is the test's own."""


class Stop(Kill):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch:
            raise Stopped


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixture(tmp_path_factory.mktemp("mixture"))


def train(collection, folder, *callbacks, negatives="dense", ranks=1, dropout=0.0, accumulate=1, **settings):
    folder.mkdir(exist_ok=True)
    facts = {
        "max_steps": STEPS,
        "batch_size": JOINED // ranks // accumulate,
        "accumulate": accumulate,
        "devices": ranks,
        "precision": "32-true",
        "accelerator": "cpu",
        "learning_rate": 1e-3,
        "checkpoint_steps": 2,
        "in_batch": "global",
    }
    training = Training(
        model=BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=dropout, seed=0),
        loss=KL(temperature=0.1, label_temperature=1.0),
        sampler=mixture_sampler(collection, negatives),
        known=collection.known_keys,
        settings=TrainerSettings(**(facts | settings)),
        seed=0,
        callbacks=callbacks,
    )
    result = fit(training, folder)
    return result, BiEncoder(path=str(folder / "last")).state_dict()


def assert_bit_equal(one, two):
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("in_batch", ["global", pytest.param("none", marks=pytest.mark.slow)])
def test_two_ranks_train_what_one_trains_on_a_mix(in_batch, mixed, tmp_path):
    """Lists differ in length and weight, so ranks pad differently and weigh differently."""
    facts = {"in_batch": in_batch, "negatives": "none"}
    _, start = train(mixed, tmp_path / "start", max_steps=1, learning_rate=1e-9, **facts)
    _, one = train(mixed, tmp_path / "one", **facts)
    _, two = train(mixed, tmp_path / "two", ranks=2, **facts)
    moved = max(float((one[key] - start[key]).abs().max()) for key in one)
    apart = max(float((one[key] - two[key]).abs().max()) for key in one)
    assert moved > 1e-3
    assert apart < 1e-2 * moved, (apart, moved)


@pytest.mark.parametrize(("killed_at", "workers", "accumulate"), [(4, 0, 1), (5, 0, 2), (7, 2, 2), (9, 0, 1)])
def test_stopped_in_mid_epoch_and_resumed_it_ends_with_the_same_bits(killed_at, workers, accumulate, mixed, tmp_path):
    facts = {"dropout": 0.1, "accumulate": accumulate, "workers": workers}
    _, whole = train(mixed, tmp_path / "whole", **facts)
    with pytest.raises(Stopped):
        train(mixed, tmp_path / "broken", Stop(killed_at * accumulate), **facts)
    result, resumed = train(mixed, tmp_path / "broken", **facts)
    assert result["resumed_at"] == killed_at - killed_at % 2
    assert result["resumed_at"] * JOINED % QUERIES, "in mid-epoch"
    assert_bit_equal(whole, resumed)


@pytest.mark.slow
def test_two_ranks_killed_and_resumed_end_with_the_same_bits(mixed, tmp_path):
    facts = {"dropout": 0.1, "ranks": 2, "negatives": "random"}
    _, whole = train(mixed, tmp_path / "whole", **facts)
    with pytest.raises(torch.multiprocessing.ProcessExitedException, match="SIGKILL"):
        train(mixed, tmp_path / "broken", Kill(7), **facts)
    assert (tmp_path / "broken" / CHECKPOINT).is_file()
    result, resumed = train(mixed, tmp_path / "broken", **facts)
    assert result["resumed_at"] == 6
    assert_bit_equal(whole, resumed)
