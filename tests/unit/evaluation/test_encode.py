import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation import encode as encode_module
from wrank.evaluation.encode import encode

TEXTS = ["a", "abc", "", "bb", "aaaaaaaaaaaa"]
VECTORS = [[1, 0, 0], [1, 1, 1], [0, 0, 0], [0, 2, 0], [8, 0, 0]]


@pytest.mark.parametrize("batch_tokens", [1, 6, 1000])
@pytest.mark.parametrize("at_once", [2, 100])
def test_vectors_come_back_in_the_order_of_the_texts(monkeypatch, letter_encoder, batch_tokens, at_once):
    monkeypatch.setattr(encode_module, "SHARD_ROWS", at_once)
    result = encode(letter_encoder(), TEXTS, "passage", batch_tokens=batch_tokens)
    assert result.vectors_ND.tolist() == VECTORS
    assert result.vectors_ND.dtype == np.float32
    assert result.truncated == 1


def test_batches_keep_the_budget_with_padding_counted(letter_encoder):
    model = letter_encoder()
    encode(model, ["aa", "aaaaa", "a", "aa", "aaaa"], "passage", batch_tokens=8)
    assert model.batches == [[5], [4, 2], [2, 1]]


def test_length_limit_is_that_of_the_role(letter_encoder):
    model = letter_encoder(query_length=2, passage_length=4)
    assert encode(model, ["aaa", "aaa"], "query").truncated == 2
    assert encode(model, ["aaa", "aaa"], "passage").truncated == 0


def test_no_gradients_and_the_training_mode_comes_back(letter_encoder):
    model = letter_encoder().train()
    encode(model, ["a"], "passage")
    assert model.modes == [(False, False)]
    assert model.training
    model.eval()
    encode(model, ["a"], "passage")
    assert not model.training


def test_the_training_mode_comes_back_after_an_error(letter_encoder):
    model = letter_encoder().train()
    model.weight.data[:] = float("nan")
    with pytest.raises(WrankError):
        encode(model, ["a"], "passage")
    assert model.training


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_vector_that_is_not_finite_names_the_first_text(monkeypatch, letter_encoder, value):
    monkeypatch.setattr(encode_module, "SHARD_ROWS", 2)
    model = letter_encoder()
    embed = model.embed
    model.embed = lambda ids, role: torch.where(embed(ids, role) == 2, value, embed(ids, role))
    with pytest.raises(WrankError, match="the passage 'bb' holds NaN"):
        encode(model, TEXTS, "passage")


def test_bfloat16_returns_float32_vectors_of_bfloat16_products(letter_encoder):
    model = letter_encoder()
    model.weight.data *= 1.001  # bfloat16 has 8 bits: 1.001 is 1 there
    exact = encode(model, ["a"], "passage").vectors_ND
    rounded = encode(model, ["a"], "passage", precision="bfloat16").vectors_ND
    assert exact[0, 0] == np.float32(1.001)
    assert rounded.dtype == np.float32
    assert rounded[0, 0] == 1.0


def test_float32_is_float32_inside_a_training_with_autocast(letter_encoder):
    model = letter_encoder()
    model.weight.data *= 1.001
    with torch.autocast("cpu", torch.bfloat16):
        assert encode(model, ["a"], "passage").vectors_ND[0, 0] == np.float32(1.001)


def test_progress_adds_up_to_the_texts(letter_encoder):
    steps = []
    encode(letter_encoder(), TEXTS, "passage", batch_tokens=6, progress=steps.append)
    assert sum(steps) == len(TEXTS)
    assert len(steps) > 1


def test_no_text_gives_no_vector(letter_encoder):
    assert encode(letter_encoder(), [], "query").vectors_ND.shape == (0, 3)


@pytest.mark.parametrize("settings", [{"precision": "float16"}, {"batch_tokens": 0}])
def test_settings_that_cannot_be_are_an_error(letter_encoder, settings):
    with pytest.raises(WrankError, match=next(iter(settings))):
        encode(letter_encoder(), ["a"], "query", **settings)
