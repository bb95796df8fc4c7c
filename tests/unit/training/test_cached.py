"""Cached gradients: the same training in less memory."""

import pytest
import torch

from tests.unit.training.test_fit import training, weights
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.training.compute import prepare_model
from wrank.training.fit import fit
from wrank.training.settings import TrainerSettings


def tiny(**changes):
    return BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1, **changes)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", [{}, {"gradient_checkpointing": True}, {"shared": False}])
def test_cached_training_ends_with_the_same_weights(model, precision, collection, tmp_path):
    """Dropout is on: the second pass must draw what the first one drew."""
    changes = {"passage_chunk": 1, "max_steps": 3, "accumulate": 2, "learning_rate": 1e-3, "precision": precision}
    found = {}
    for cached in (False, True):
        folder = tmp_path / str(cached)
        folder.mkdir()
        fit(training(collection, tiny(**model), cache_gradients=cached, **changes), folder)
        found[cached] = weights(folder / "last")
    start = tiny(**model).state_dict()
    for name, weight in found[False].items():
        torch.testing.assert_close(found[True][name], weight, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(weight, start[name]) for name, weight in found[True].items())


@pytest.mark.parametrize("lora", [None, {"rank": 2, "dropout": 0.1}])
def test_cached_training_of_a_cross_encoder_ends_with_the_same_weights(lora, collection, tmp_path):
    changes = {"passage_chunk": 1, "max_steps": 3, "accumulate": 2, "learning_rate": 1e-3, "in_batch": "none"}
    found = {}
    for cached in (False, True):
        folder = tmp_path / str(cached)
        folder.mkdir()
        model = CrossEncoder("random:tiny", max_length=64, dropout=0.1, lora=lora)
        fit(training(collection, model, cache_gradients=cached, **changes), folder)
        assert model.recompute == cached
        found[cached] = CrossEncoder(path=str(folder / "last")).state_dict()
    start = CrossEncoder("random:tiny", dropout=0.1).state_dict()
    for name, weight in found[False].items():
        torch.testing.assert_close(found[True][name], weight, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(weight, start[name]) for name, weight in found[True].items())


def test_bf16_true_trains_and_keeps_bf16_weights_and_a_float32_temperature(collection, tmp_path):
    model = tiny(learn_temperature=True)
    fit(training(collection, model, precision="bf16-true", max_steps=2, learning_rate=1e-2), tmp_path)
    assert {p.dtype for p in model.encoder.transformer.parameters()} == {torch.bfloat16}
    assert model.log_temperature.dtype == torch.float32
    again = weights(tmp_path / "last")
    for name, weight in model.encoder.transformer.state_dict().items():
        assert torch.equal(again[f"encoder.transformer.{name}"], weight.float())


def test_model_without_chunks_is_refused():
    settings = TrainerSettings(cache_gradients=True, precision="32-true", accelerator="cpu")
    with pytest.raises(WrankError, match="cache_gradients=true: a Linear"):
        prepare_model(torch.nn.Linear(2, 2), settings)


def test_all_texts_in_one_chunk_are_refused():
    with pytest.raises(WrankError, match=r"cache_gradients=true with trainer\.passage_chunk=null"):
        TrainerSettings(cache_gradients=True, passage_chunk=None)
