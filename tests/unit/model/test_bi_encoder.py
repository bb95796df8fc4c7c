import inspect
import math
from pathlib import Path

import pytest
import torch
import yaml

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder

TEXTS = ["wing", "boundary layer flow past a flat plate", "", "shock"]
CONF = Path(__file__).parents[3] / "conf" / "model"


def _embed(model, role="passage", texts=TEXTS, chunk=None):
    with torch.no_grad():
        return model.embed(model.tokenize(texts, role), role, chunk=chunk)


def test_cosine_vectors_have_length_one_and_dot_vectors_do_not():
    assert torch.allclose(_embed(BiEncoder("random:tiny")).norm(dim=1), torch.ones(4))
    assert not torch.allclose(_embed(BiEncoder("random:tiny", similarity="dot")).norm(dim=1), torch.ones(4), atol=0.1)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_product_of_embeddings_is_the_score_times_the_temperature(similarity):
    model = BiEncoder("random:tiny", similarity=similarity, temperature=0.1)
    queries, passages = _embed(model, "query", TEXTS[:2]), _embed(model)
    torch.testing.assert_close(queries @ passages.T, model.score(queries, passages) * 0.1)


def test_score_by_hand():
    model = BiEncoder("random:tiny", similarity="dot", temperature=0.5)
    assert model.score(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0], [0.0, 1.0]])).tolist() == [[10.0, 4.0]]


def test_a_learned_temperature_is_a_parameter_with_the_right_gradient():
    model = BiEncoder("random:tiny", temperature=0.5, learn_temperature=True)
    assert model.temperature == pytest.approx(0.5)
    model.score(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])).sum().backward()
    # score = exp(-log t): its derivative by log t is -1/t = -2
    assert model.log_temperature.grad.item() == pytest.approx(-2.0)
    assert "log_temperature" in dict(model.named_parameters())


def test_a_fixed_temperature_is_not_a_parameter():
    assert "log_temperature" not in dict(BiEncoder("random:tiny", temperature=0.5).named_parameters())


def test_prompts_go_to_their_own_role():
    plain = BiEncoder("random:tiny")
    model = BiEncoder("random:tiny", query_prompt="query: ", passage_prompt="passage: ")
    assert model.tokenize(["wing"], "query") == plain.tokenize(["query: wing"], "query")
    assert model.tokenize(["wing"], "passage") == plain.tokenize(["passage: wing"], "passage")


def test_lengths_go_to_their_own_role_and_cut_texts_are_counted():
    model = BiEncoder("random:tiny", query_length=10, passage_length=20)
    texts = ["x" * 30, "x" * 18, "x" * 8, "x"]
    queries, passages = model.tokenize(texts, "query"), model.tokenize(texts, "passage")
    assert [len(ids) for ids in queries] == [10, 10, 10, 3]
    assert [len(ids) for ids in passages] == [20, 20, 10, 3]
    assert model.count_truncated(queries, "query") == 3
    assert model.count_truncated(passages, "passage") == 2


def test_separate_towers_start_equal_and_learn_apart():
    model = BiEncoder("random:tiny", shared=False)
    torch.testing.assert_close(_embed(model, "query"), _embed(model, "passage"))
    model.embed(model.tokenize(TEXTS, "query"), "query")[0, 0].backward()
    assert all(weight.grad is None for weight in model.encoder.parameters())
    assert any(weight.grad is not None for weight in model.query_encoder.parameters())


def test_shared_towers_are_one_set_of_weights():
    model = BiEncoder("random:tiny")
    assert model.tower("query") is model.tower("passage")
    assert not any(name.startswith("query_encoder") for name in model.state_dict())


@pytest.mark.parametrize("shared", [True, False])
def test_gradient_checkpointing_changes_no_gradient(shared):
    gradients = []
    for checkpointing in (False, True):
        model = BiEncoder("random:tiny", gradient_checkpointing=checkpointing, shared=shared).train()
        runs = []
        attention = model.tower("query").transformer.encoder.layer[0].attention
        attention.register_forward_pre_hook(lambda *_, runs=runs: runs.append(1))
        model.embed(model.tokenize(TEXTS, "query"), "query", chunk=2).pow(3).sum().backward()
        assert len(runs) == (4 if checkpointing else 2)  # 2 chunks, each once more in the backward pass
        gradients.append([w.grad for w in model.parameters() if w.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again)


def test_dropout_acts_in_training_only():
    model = BiEncoder("random:tiny", dropout=0.5)
    assert torch.equal(_embed(model.eval()), _embed(model))
    model.train()
    assert not torch.equal(_embed(model), _embed(model))


def test_the_seed_decides_the_weights():
    assert BiEncoder("random:tiny", seed=1).fingerprint() == BiEncoder("random:tiny", seed=1).fingerprint()
    assert BiEncoder("random:tiny", seed=1).fingerprint() != BiEncoder("random:tiny", seed=2).fingerprint()


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_decoder_with_last_token_pooling_embeds_the_same_alone_and_together(model_folder, architecture):
    model = BiEncoder(path=str(model_folder(architecture)), pooling="last", passage_length=32)
    together = _embed(model, chunk=3)
    for row, text in enumerate(TEXTS):
        torch.testing.assert_close(together[row], _embed(model, texts=[text])[0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "average"}, "average.*mean, cls, last, max"),
        ({"similarity": "euclid"}, "euclid.*cosine, dot"),
        ({"normalize": False}, "cosine.*normalize"),
        ({"temperature": 0.0}, "temperature=0.0.*above 0"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"query_length": 7}, "query_length=7.*at least 8"),
        ({"passage_length": 513}, "passage_length=513.*at most 512"),
        ({"passage_length": 64.5}, "passage_length=64.5"),
        ({"query_length": 16, "query_prompt": "search query:  "}, "query_prompt.*fills.*query_length=16"),
        ({"passage_length": 8, "passage_prompt": "passage"}, "passage_prompt.*fills.*passage_length=8"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": None}, r"model\.learning_rate=None: give a number above 0"),
        ({"learning_rate": math.inf}, r"model\.learning_rate=inf"),
        ({"dropout": "abc"}, r"model\.dropout='abc': give a probability"),
        ({"dropout": False}, r"model\.dropout=False"),
        ({"temperature": "abc"}, r"model\.temperature='abc': give a number above 0"),
        ({"matryoshka": 7}, r"model\.matryoshka=7: give a list"),
        ({"lora": {"targets": 5}}, r"model\.lora\.targets=5: give names"),
        ({"attention": "nonsense"}, "nonsense"),
    ],
)
def test_a_bad_argument_is_refused_and_named(arguments, message):
    with pytest.raises(WrankError, match=message):
        BiEncoder("random:tiny", **arguments)


def test_an_unknown_role_is_refused():
    with pytest.raises(WrankError, match=r"document.*query.*passage"):
        BiEncoder("random:tiny").tokenize(["a"], "document")


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_option_binds_to_the_signature_and_explains_every_key(file):
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# ")
    options = yaml.safe_load(text)
    kind = {"wrank.model.bi_encoder.BiEncoder": BiEncoder, "wrank.model.cross_encoder.CrossEncoder": CrossEncoder}
    inspect.signature(kind[options.pop("_target_")]).bind(**options)
    assert [line for line in text.split("\n")[2:] if line and "# " not in line] == []


def test_the_tiny_option_builds():
    options = yaml.safe_load((CONF / "tiny.yaml").read_text(encoding="utf-8"))
    del options["_target_"]
    model = BiEncoder(**options)
    assert (model.query_length, model.passage_length, model.learning_rate) == (64, 128, 1e-3)
