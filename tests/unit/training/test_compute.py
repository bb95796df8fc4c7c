"""bfloat16 throughout: what is rounded, and what is not."""

import pytest
import torch
from transformers import ModernBertConfig, ModernBertModel

from wrank.model.bi_encoder import BiEncoder
from wrank.training.compute import prepare_model
from wrank.training.settings import TrainerSettings

BF16 = TrainerSettings(precision="bf16-true", accelerator="cpu")


def modernbert():
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
    return ModernBertModel(ModernBertConfig(**size, **tokens, vocab_size=300))


@pytest.mark.parametrize("make", [lambda: BiEncoder("random:tiny_decoder"), lambda: torch.nn.Sequential(modernbert())])
def test_rotary_frequencies_stay_as_they_are(make):
    model = make()
    before = {name: buffer.clone() for name, buffer in model.named_buffers() if name.endswith("inv_freq")}
    assert before
    prepare_model(model, BF16)
    after = dict(model.named_buffers())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert "inv_freq" not in " ".join(model.state_dict())
