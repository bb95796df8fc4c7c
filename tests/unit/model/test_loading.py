import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from wrank.errors import WrankError
from wrank.model.loading import load_parts, position_limit


@pytest.mark.parametrize(
    "architecture", ["bert", "distilbert", "gpt2", "llama", "modernbert", "qwen2", "roberta", "t5"]
)
def test_dropout_is_set_everywhere(model_folder, architecture):
    folder = model_folder(architecture)
    transformer, _ = load_parts(folder, dropout=0.25)
    found = {module.p for module in transformer.modules() if isinstance(module, nn.Dropout)}
    found |= {getattr(module, "attention_dropout", 0.25) for module in transformer.modules()} - {None}
    assert {value for value in found if isinstance(value, float)} == {0.25}


def test_dropout_left_out_is_that_of_the_model(model_folder):
    transformer, _ = load_parts(model_folder("bert", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2))
    assert {module.p for module in transformer.modules() if isinstance(module, nn.Dropout)} == {0.3, 0.2}


def test_weights_are_float32_whatever_the_file_has(model_folder):
    folder = model_folder("bert")
    half = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    transformer, _ = load_parts(folder)
    assert {weight.dtype for weight in transformer.parameters()} == {torch.float32}


def test_loading_does_not_touch_the_global_random_state(model_folder):
    folder = model_folder("bert")
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    load_parts(folder)
    assert torch.equal(torch.rand(3), wanted)


def test_no_parameter_is_left_without_a_gradient(model_folder):
    transformer, _ = load_parts(model_folder("bert"))
    transformer(input_ids=torch.tensor([[2, 5, 3]])).last_hidden_state.sum().backward()
    assert [name for name, weight in transformer.named_parameters() if weight.grad is None] == []


def test_a_missing_weight_is_refused_instead_of_made_up(model_folder):
    folder = model_folder("bert")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WrankError, match=r"1 weights are not in.*encoder.layer.1.output.dense.weight"):
        load_parts(folder)


def test_a_pickle_is_refused(model_folder):
    folder = model_folder("bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WrankError, match=r"only as pickle \(pytorch_model.bin\).*save_pretrained"):
        load_parts(folder)


def test_a_folder_without_weights_is_refused(model_folder):
    folder = model_folder("bert")
    (folder / "model.safetensors").unlink()
    with pytest.raises(WrankError, match=r"holds no weights.*model=minilm.*model=tiny"):
        load_parts(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(WrankError, match=r"no config.json.*model=minilm"):
        load_parts(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", json.dumps({"model_type": "never-heard-of"})),
        ("model.safetensors", "not safetensors"),
        ("tokenizer.json", "{}"),
    ],
)
def test_a_broken_file_is_explained(model_folder, file, content):
    folder = model_folder("bert")
    (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(WrankError, match="cannot be loaded as a model"):
        load_parts(folder)


def test_code_of_a_model_does_not_run_unless_trusted(model_folder):
    folder = model_folder("bert")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "my-own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "own.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(WrankError, match="trust_remote_code"):
        load_parts(folder)


def test_an_unknown_attention_is_explained(model_folder):
    with pytest.raises(WrankError, match="nonsense"):
        load_parts(model_folder("bert"), attention="nonsense")


def test_a_tokenizer_without_padding_gets_a_token_for_it(model_folder):
    folder = model_folder("llama")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("pad_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load_parts(folder)[1].pad_token == "[UNK]"


@pytest.mark.parametrize(
    ("architecture", "limit"), [("bert", 64), ("roberta", 63), ("mpnet", 64), ("llama", 64), ("gpt2", 64), ("t5", None)]
)
def test_the_position_limit_leaves_out_positions_that_are_never_used(model_folder, architecture, limit):
    transformer, _ = load_parts(model_folder(architecture))
    assert position_limit(transformer) == limit
    if limit:
        transformer(input_ids=torch.full((1, limit), 9))
