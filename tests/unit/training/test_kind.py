"""Each kind of model under its own step; what is frozen stays out of checkpoints."""

import pytest
import pytorch_lightning as pl
import torch

from wrank.data.lists import ListSampler
from wrank.loss.kl import KL
from wrank.loss.lce import LCE
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.training.cross_module import CrossEncoderModule
from wrank.training.fit import CHECKPOINT, Training, fit
from wrank.training.kind import module_for
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings

SETTINGS = {"max_steps": 6, "batch_size": 4, "precision": "32-true", "accelerator": "cpu", "checkpoint_steps": 2}


def adapted():
    return BiEncoder(
        "random:tiny_decoder",
        pooling="last",
        query_length=32,
        passage_length=64,
        lora={"rank": 2, "dropout": 0.2},
        learn_temperature=True,
    )


def training(collection, callbacks=()):
    sampler = ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0)
    loss = KL(temperature=0.1, label_temperature=1.0)
    settings = TrainerSettings(**SETTINGS, learning_rate=1e-2)
    return Training(adapted(), loss, sampler, collection.known_keys, settings, 0, callbacks=callbacks)


class Killed(Exception):
    """Stands for a kill."""


class KillAt(pl.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 3:
            raise Killed


@pytest.mark.parametrize(
    ("model", "loss", "in_batch", "kind"),
    [
        (lambda: BiEncoder("random:tiny"), KL(temperature=0.1, label_temperature=1.0), "local", ListwiseModule),
        (lambda: CrossEncoder("random:tiny"), LCE(temperature=1.0), "none", CrossEncoderModule),
    ],
)
def test_each_kind_has_its_step(model, loss, in_batch, kind):
    settings = TrainerSettings(**SETTINGS, in_batch=in_batch)
    assert type(module_for(model(), loss, settings, total_steps=1, seed=0)) is kind


def test_an_adapted_decoder_learns_resumes_and_keeps_its_base_out_of_the_checkpoint(collection, tmp_path):
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    fit(training(collection), tmp_path / "whole")
    with pytest.raises(Killed):
        fit(training(collection, [KillAt()]), tmp_path / "broken")
    saved = torch.load(tmp_path / "broken" / CHECKPOINT, weights_only=True)["state_dict"]
    assert {name for name in saved if "lora_" not in name} == {"model.log_temperature"}
    assert any("lora_B" in name for name in saved)
    assert fit(training(collection), tmp_path / "broken")["resumed_at"] == 2
    one, other = (BiEncoder(path=str(tmp_path / name / "last")) for name in ("whole", "broken"))
    assert all(torch.equal(one.state_dict()[name], other.state_dict()[name]) for name in one.state_dict())
    base = BiEncoder("random:tiny_decoder", pooling="last").state_dict()
    names = [name for name in base if torch.equal(base[name], one.state_dict()[name])]
    assert "encoder.transformer.embed_tokens.weight" in names
    assert "encoder.transformer.layers.0.self_attn.q_proj.weight" not in names
    assert one.temperature != 1.0
