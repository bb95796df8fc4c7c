"""A cross-encoder's training: the gradient is that of pairs scored one by one; it learns, resumes, and refuses."""

import dataclasses

import pytest
import pytorch_lightning as pl
import torch

from tests.fixtures.loss_batch import OPTIONS, build
from wrank.data.collate import collate
from wrank.data.lists import ListSampler
from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE
from wrank.loss.lce import LCE
from wrank.model.cross_encoder import CrossEncoder
from wrank.training.cross_module import CrossEncoderModule, check_cross
from wrank.training.fit import Training, fit
from wrank.training.settings import TrainerSettings

SETTINGS = {"in_batch": "none", "max_steps": 6, "batch_size": 4, "precision": "32-true", "accelerator": "cpu"}
WORKING = [
    name for name in OPTIONS if "none" in build(name).in_batch_supported and "paraphrases" not in build(name).needs
]


def tiny(**changes):
    return CrossEncoder("random:tiny", max_length=64, **changes)


def training(collection, model, loss=None, callbacks=(), **changes):
    return Training(
        model=model,
        loss=loss or LCE(temperature=1.0),
        sampler=ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0),
        known=collection.known_keys,
        settings=TrainerSettings(**(SETTINGS | changes)),
        seed=0,
        callbacks=callbacks,
    )


def batch_of(collection, uneven=False, beside=True):
    sampler = ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0)
    lists = [sampler.sample(0, item) for item in range(4)]
    if uneven:
        one = lists[1]
        named = {name: getattr(one, name)[:2] for name in ("passage_ids", "passages", "grades", "sources")}
        lists[1] = dataclasses.replace(one, **named, keys=None if one.keys is None else one.keys[:2])
    batch = collate(lists, collection.known_keys)
    if not beside:
        return batch
    pairs = torch.tensor([[row, 0, 1] for row in range(4)])
    return dataclasses.replace(
        batch, teacher_BK=batch.grades_BK + 0.25, pairs_P3=pairs, pair_p_P=torch.tensor([0.9, 0.6, 0.8, 0.7])
    )


def module_of(model, loss, monkeypatch, **changes):
    module = CrossEncoderModule(model, loss, TrainerSettings(**(SETTINGS | changes)), total_steps=6, seed=0)
    monkeypatch.setattr(module, "_log", lambda *_: None)
    return module


@pytest.mark.parametrize("option", WORKING)
def test_every_loss_over_own_lists_gets_the_scores_of_its_pairs(option, collection, monkeypatch):
    model, loss = tiny(), build(option)
    batch = batch_of(collection)
    found = module_of(model, loss, monkeypatch, passage_chunk=1).training_step(batch, 0)
    found.backward()
    gradient = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    assert found.isfinite()
    assert any(one.abs().max() > 0 for one in gradient)
    model.zero_grad()
    rows = [
        torch.cat([model.score(model.tokenize([(query, text)])) for text in texts])
        for query, texts in zip(batch.queries, batch.passages, strict=True)
    ]
    from wrank.training.extra import Beside

    ones = torch.ones_like(batch.mask_BK)
    extra = Beside.of(loss, batch).of_own_lists()
    wanted = loss(
        torch.stack(rows), batch.grades_BK, own_BN=ones, valid_BN=batch.mask_BK, weight_B=batch.weight_B, extra=extra
    ).loss
    wanted.backward()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    others = [weight.grad for weight in model.parameters() if weight.grad is not None]
    for one, other in zip(gradient, others, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_padding_of_a_list_is_not_read(collection, monkeypatch):
    model = tiny()
    module = module_of(model, LCE(temperature=1.0), monkeypatch)
    batch = batch_of(collection, uneven=True, beside=False)
    scores_BK, _ = module._scores(batch)
    assert scores_BK.shape == batch.mask_BK.shape
    assert (scores_BK[~batch.mask_BK] == 0).all()
    assert module._seen["queries"] == 4
    noise = [
        [text if real else "noise" for text, real in zip(*row, strict=True)]
        for row in zip(batch.passages, batch.mask_BK.tolist(), strict=True)
    ]
    again = module.training_step(dataclasses.replace(batch, passages=noise), 0)
    torch.testing.assert_close(again, module.training_step(batch, 0))


def test_training_lowers_the_loss_and_what_is_written_loads(collection, tmp_path):
    model = tiny()
    result = fit(training(collection, model, max_steps=30, learning_rate=3e-3), tmp_path)
    rows = (tmp_path / "metrics.csv").read_text().strip().split("\n")
    names = rows[0].split(",")
    losses = [float(row.split(",")[names.index("train/loss")]) for row in rows[1:]]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert result["steps"] == 30
    assert {"train/effective_n", "train/padding_share", "train/score_std", "train/tokens_per_second"} <= set(names)
    pairs = [("alpha", "a passage")]
    last = CrossEncoder(path=str(tmp_path / "last"))
    model.eval()
    assert list(last.score_pairs(pairs)) == pytest.approx(list(model.score_pairs(pairs)), abs=1e-6)


class Killed(Exception):
    """Stands for a kill."""


class KillAt(pl.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 3:
            raise Killed


@pytest.mark.parametrize("lora", [None, {"rank": 2, "dropout": 0.1}])
def test_killed_and_resumed_training_ends_with_the_same_weights(lora, collection, tmp_path):
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    fit(training(collection, tiny(dropout=0.1, lora=lora), checkpoint_steps=2), tmp_path / "whole")
    with pytest.raises(Killed):
        fit(
            training(collection, tiny(dropout=0.1, lora=lora), checkpoint_steps=2, callbacks=[KillAt()]),
            tmp_path / "broken",
        )
    resumed = fit(training(collection, tiny(dropout=0.1, lora=lora), checkpoint_steps=2), tmp_path / "broken")
    assert resumed["resumed_at"] == 2
    one, other = (CrossEncoder(path=str(tmp_path / name / "last")).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("in_batch", ["local", "global"])
def test_passages_of_other_queries_are_refused_with_what_to_do(in_batch):
    with pytest.raises(WrankError, match=r"set trainer\.in_batch=none"):
        check_cross(InfoNCE(temperature=1.0), in_batch)


def test_a_loss_over_embeddings_is_refused():
    with pytest.raises(WrankError, match="does not make"):
        check_cross(build("coherence"), "none")


def test_a_loss_that_needs_other_queries_is_refused():
    with pytest.raises(WrankError, match="in_batch=none"):
        CrossEncoderModule(tiny(), build("ws2"), TrainerSettings(**SETTINGS), total_steps=1, seed=0)
