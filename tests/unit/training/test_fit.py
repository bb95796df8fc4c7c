"""A training: learns, resumes exactly, stops early, keeps the best, refuses what cannot work."""

import json

import pytest
import pytorch_lightning as pl
import torch

from wrank.data.lists import ListSampler
from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE
from wrank.loss.kl import KL
from wrank.loss.ws2 import WS2
from wrank.model.bi_encoder import BiEncoder
from wrank.training.fit import CHECKPOINT, Training, fit
from wrank.training.settings import TrainerSettings

SETTINGS = {"max_steps": 6, "batch_size": 4, "precision": "32-true", "accelerator": "cpu", "checkpoint_steps": 2}


def training(collection, model, loss=None, dev=None, callbacks=(), **changes):
    sampler = ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0)
    return Training(
        model=model,
        loss=loss or KL(temperature=0.1, label_temperature=1.0),
        sampler=sampler,
        known=collection.known_keys,
        settings=TrainerSettings(**(SETTINGS | changes)),
        seed=0,
        dev=dev,
        callbacks=callbacks,
    )


def tiny(seed=0):
    return BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1, seed=seed)


def weights(folder):
    return BiEncoder(path=str(folder)).state_dict()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def constant(model):
    return {"nDCG@10": 0.5}


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


class KillAt(pl.Callback):
    def __init__(self, batch):
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch:
            raise Killed


@pytest.mark.parametrize("learns", [False, True])
def test_a_rate_for_scales_where_nothing_learns_one_is_told(learns, collection, tmp_path, caplog):
    model = BiEncoder("random:tiny", query_length=32, passage_length=64, learn_temperature=learns)
    with caplog.at_level("WARNING", logger="wrank"):
        fit(training(collection, model, max_steps=1, scale_learning_rate=1e-2), tmp_path)
    assert ("trainer.scale_learning_rate=0.01 changes nothing" in caplog.text) is not learns


def test_training_lowers_the_loss_and_writes_best_last_and_metrics(collection, tmp_path):
    model = tiny()
    result = fit(training(collection, model, max_steps=30, learning_rate=1e-2), tmp_path)
    rows = (tmp_path / "metrics.csv").read_text().strip().split("\n")
    names = rows[0].split(",")
    losses = [float(row.split(",")[names.index("train/loss")]) for row in rows[1:]]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert result["steps"] == 30
    assert {"train/effective_n", "train/padding_share", "train/tokens_per_second", "train/masked_known"} <= set(names)
    assert same(weights(tmp_path / "last"), weights(tmp_path / "best"))
    assert not (tmp_path / CHECKPOINT).exists()
    assert not list(tmp_path.glob("log-*"))


@pytest.mark.parametrize("killed_at", [1, 3, 4, 5])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_killed_and_resumed_training_ends_with_the_same_weights(killed_at, accumulate, collection, tmp_path):
    """Dropout is on, so a wrong random state or position would show."""
    scores = iter(range(100))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    changes = {"accumulate": accumulate, "dev_steps": 2, "log_steps": 1}
    fit(training(collection, tiny(), dev=lambda model: {"nDCG@10": next(scores) / 100}, **changes), whole)
    with pytest.raises(Killed):
        fit(
            training(
                collection,
                tiny(),
                dev=lambda model: {"nDCG@10": 0.5},
                callbacks=[KillAt(killed_at * accumulate)],
                **changes,
            ),
            broken,
        )
    result = fit(training(collection, tiny(), dev=constant, **changes), broken)
    assert result["resumed_at"] == killed_at - killed_at % 2
    assert same(weights(whole / "last"), weights(broken / "last"))
    steps = [row.split(",")[0] for row in (broken / "metrics.csv").read_text().strip().split("\n")[1:]]
    logged = {"whole": whole, "broken": broken}
    losses = {}
    for name, folder in logged.items():
        head, *rows = (folder / "metrics.csv").read_text().strip().split("\n")
        place = head.split(",").index("train/loss")
        losses[name] = [row.split(",")[place] for row in rows if row.split(",")[place]]
    assert losses["broken"] == losses["whole"], steps


def test_killed_twice_it_still_ends_with_the_same_weights(collection, tmp_path):
    """After a resume no checkpoint is written in the middle of an accumulation."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    fit(training(collection, tiny(), accumulate=2), whole)
    for _ in range(2):
        with pytest.raises(Killed):
            fit(training(collection, tiny(), callbacks=[KillAt(5)], accumulate=2), broken)
    fit(training(collection, tiny(), accumulate=2), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))


def test_best_weights_are_those_of_the_best_dev_score(collection, tmp_path):
    scores = iter([0.1, 0.9, 0.2, 0.3])
    seen = []

    def dev(model):
        seen.append({key: value.clone() for key, value in model.state_dict().items()})
        return {"nDCG@10": next(scores)}

    result = fit(training(collection, tiny(), dev=dev, dev_steps=2), tmp_path)
    assert result["best_step"] == 2
    assert result["best_dev"] == 0.9
    best = weights(tmp_path / "best")
    assert all(torch.equal(best[key], seen[1][key]) for key in best)
    assert not same(best, weights(tmp_path / "last"))
    history = json.loads((tmp_path / "dev.json").read_text())["history"]
    assert [row["step"] for row in history] == [0, 2, 4, 6]


def test_patience_stops_early(collection, tmp_path):
    result = fit(training(collection, tiny(), dev=constant, dev_steps=1, patience=2), tmp_path)
    assert result["steps"] == 2
    assert result["stopped_early"]


def test_diverged_loss_stops_and_writes_the_batch(collection, tmp_path):
    class Bad(KL):
        def forward(self, *words, **named):
            output = super().forward(*words, **named)
            return type(output)(output.loss * float("nan"), output.parts)

    with pytest.raises(WrankError, match="loss is nan at batch 0"):
        fit(training(collection, tiny(), loss=Bad(temperature=0.1, label_temperature=1.0)), tmp_path)
    head, *rows = (tmp_path / "bad_batch_0.jsonl").read_text(encoding="utf-8").strip().split("\n")
    assert json.loads(head)["loss"] == "nan"
    assert len(rows) == 4
    assert set(json.loads(rows[0])) == {"query_id", "query", "passage_ids", "passages", "grades"}


def test_loss_that_cannot_do_without_in_batch_passages_is_refused_at_once(collection, tmp_path):
    with pytest.raises(WrankError, match=r"WS2.*in_batch=none"):
        fit(training(collection, tiny(), loss=WS2(temperature=1.0, label_temperature=1.0), in_batch="none"), tmp_path)
    assert not (tmp_path / "log-0").exists()


@pytest.mark.parametrize("in_batch", ["none", "local", "global"])
def test_every_in_batch_setting_trains(in_batch, collection, tmp_path):
    assert (
        fit(training(collection, tiny(), loss=InfoNCE(temperature=0.1), in_batch=in_batch, max_steps=2), tmp_path)[
            "steps"
        ]
        == 2
    )


def test_damaged_checkpoint_is_an_error_that_names_it(collection, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(WrankError, match=r"resume\.ckpt"):
        fit(training(collection, tiny()), tmp_path)


def test_chunks_do_not_change_the_training(collection, tmp_path):
    results = []
    for chunk in (None, 2):
        folder = tmp_path / str(chunk)
        folder.mkdir()
        model = BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.0)
        fit(training(collection, model, passage_chunk=chunk, max_steps=3), folder)
        results.append(weights(folder / "last"))
    for key in results[0]:
        torch.testing.assert_close(results[0][key], results[1][key], rtol=1e-4, atol=1e-5)
