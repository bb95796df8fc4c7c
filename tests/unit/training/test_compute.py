"""bfloat16 throughout: what is rounded, and what is not."""

import copy

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


def test_a_long_text_has_nearly_the_vector_of_float32():
    """Attention that is sharp enough for positions to count."""
    model = BiEncoder("random:tiny_decoder", pooling="last", passage_length=512)
    for layer in model.encoder.transformer.layers:
        layer.self_attn.q_proj.weight.data *= 20
        layer.self_attn.k_proj.weight.data *= 20
    rounded = copy.deepcopy(model)
    prepare_model(rounded, BF16)
    ids = model.tokenize(["".join(chr(97 + number**2 * 7 % 26) for number in range(500))], "passage")
    with torch.no_grad():
        wanted, found = (one.embed(ids, "passage").float() for one in (model, rounded))
    assert torch.nn.functional.cosine_similarity(wanted, found).item() > 0.999
