import pytest
import torch

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.quantize import check_quantize, is_quantized, loading_arguments, plain_weight

TEXTS = ["a text", "another, somewhat longer text"]


def test_nothing_is_asked_of_a_model_that_is_not_quantised():
    check_quantize(None)
    assert loading_arguments(None) == {}
    layer = torch.nn.Linear(2, 2)
    assert plain_weight(layer) is layer.weight
    assert not is_quantized(layer)


def test_an_unknown_form_is_refused():
    with pytest.raises(WrankError, match=r"int3.*nf4"):
        BiEncoder("random:tiny", quantize="int3")


def test_random_weights_cannot_be_quantised():
    with pytest.raises(WrankError, match="read from a file"):
        BiEncoder("random:tiny", quantize="nf4")


def test_without_a_gpu_it_says_so_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WrankError, match="needs a CUDA GPU"):
        BiEncoder(path="/no/such/folder", quantize="nf4")


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WrankError, match=r"pip install 'wrank\[quantize\]'"):
        check_quantize("nf4", "bundled:smollm2")


def test_what_is_loaded_is_nf4_with_products_in_bfloat16():
    config = loading_arguments("nf4")["quantization_config"]
    assert config.load_in_4bit
    assert config.bnb_4bit_quant_type == "nf4"
    assert config.bnb_4bit_use_double_quant
    assert config.bnb_4bit_compute_dtype == torch.bfloat16


def test_four_bits_alone_cannot_be_trained():
    from wrank.loss.infonce import InfoNCE
    from wrank.training.kind import module_for
    from wrank.training.settings import TrainerSettings

    model = BiEncoder("random:tiny")
    model.quantize = "nf4"
    with pytest.raises(WrankError, match=r"model/lora=standard"):
        module_for(model, InfoNCE(temperature=0.05), TrainerSettings(accelerator="cpu"), total_steps=1, seed=0)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_model_is_saved_as_a_plain_one_with_its_adapter_in_it(tmp_path, monkeypatch):
    """With the real library on this machine's processor, which wrank itself does not offer."""
    pytest.importorskip("bitsandbytes", reason="pip install 'wrank[quantize]'")
    from transformers import LlamaConfig, LlamaModel

    from wrank.model.tiny import byte_tokenizer

    tokenizer = byte_tokenizer(decoder=True)
    size = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    LlamaModel(LlamaConfig(vocab_size=len(tokenizer), pad_token_id=0, **size)).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    monkeypatch.setattr("wrank.model.bi_encoder.check_quantize", lambda *_: None)
    base = BiEncoder(path=str(tmp_path / "base"), pooling="last")
    model = BiEncoder(path=str(tmp_path / "base"), pooling="last", quantize="nf4", lora={"rank": 4})
    assert is_quantized(model)
    assert all("lora_" in name for name, weight in model.named_parameters() if weight.requires_grad)
    assert model.fingerprint() != base.fingerprint()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn_like(weight) * 0.3)
        wanted = model.embed(model.tokenize(TEXTS, "passage"), "passage")
        model.save(tmp_path / "best")
        again = BiEncoder(path=str(tmp_path / "best"))
        found = again.embed(again.tokenize(TEXTS, "passage"), "passage")
    assert not is_quantized(again)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)  # products in bfloat16 beside float32
    start = base.embed(base.tokenize(TEXTS, "passage"), "passage")
    assert (found * start).sum(dim=1).abs().max() < 0.9


def test_a_layer_in_four_bits_is_known_by_its_class():
    kind = type("Linear4bit", (torch.nn.Linear,), {})
    assert is_quantized(torch.nn.Sequential(kind(2, 2)))
