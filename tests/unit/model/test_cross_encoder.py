import json

import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.model.cross_encoder import CrossEncoder

PAIRS = [("short", "a passage"), ("another query", "a much longer passage, with many more words in it"), ("q", "p")]


@pytest.fixture
def tiny():
    return CrossEncoder("random:tiny", max_length=48)


def test_scores_do_not_depend_on_how_pairs_are_batched(tiny):
    encoded = tiny.tokenize(PAIRS)
    with torch.no_grad():
        whole = tiny.score(encoded)
        apart = torch.stack([tiny.score([one])[0] for one in encoded])
        chunks = tiny.score(encoded, [1, 2])
    assert whole.shape == (3,)
    assert whole.std() > 1e-3
    torch.testing.assert_close(whole, apart, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole, chunks, atol=1e-5, rtol=0)


def test_a_long_pair_is_cut_at_its_longer_text(tiny):
    (row,) = tiny.tokenize([("query", "x" * 500)])
    assert len(row["input_ids"]) == 48
    assert tiny.tokenizer.decode(row["input_ids"]).count("query") == 1


def test_scores_of_texts_leave_the_mode_as_it_was_and_have_no_dropout():
    model = CrossEncoder("random:tiny", dropout=0.5)
    model.train()
    one, other = list(model.score_pairs(PAIRS)), list(model.score_pairs(PAIRS, batch_tokens=1))
    assert model.training
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_broken_weights_are_told(tiny):
    with torch.no_grad():
        next(tiny.parameters()).fill_(float("nan"))
    with pytest.raises(WrankError, match="NaN"):
        list(tiny.score_pairs(PAIRS))


@pytest.mark.parametrize("architecture", ["bert", "llama", "modernbert", "roberta"])
def test_an_encoder_gets_a_new_head_whose_weights_depend_on_the_seed_alone(model_folder, architecture):
    folder = str(model_folder(architecture))
    state = torch.random.get_rng_state()
    one, same, other = (
        CrossEncoder(path=folder, seed=1),
        CrossEncoder(path=folder, seed=1),
        CrossEncoder(path=folder, seed=2),
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert one.new_head
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert list(one.score_pairs(PAIRS)) == list(same.score_pairs(PAIRS))


@pytest.mark.parametrize("architecture", ["bert", "llama", "modernbert"])
def test_what_is_saved_scores_the_same_here_and_in_sentence_transformers(model_folder, tmp_path, architecture):
    from sentence_transformers import CrossEncoder as Theirs

    model = CrossEncoder(path=str(model_folder(architecture)), max_length=40)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.3)
    model.save(tmp_path / "best", scores={"nDCG@10": 0.5}, facts={"loss": "lce"})
    again = CrossEncoder(path=str(tmp_path / "best"))
    wanted = list(model.score_pairs(PAIRS))
    assert not again.new_head
    assert again.max_length == 40
    assert again.fingerprint() == model.fingerprint()
    np.testing.assert_allclose(list(again.score_pairs(PAIRS)), wanted, atol=1e-6)
    theirs = Theirs(str(tmp_path / "best"), device="cpu")
    assert theirs.max_seq_length == 40
    np.testing.assert_allclose(theirs.predict(PAIRS, batch_size=1), wanted, atol=1e-5)
    card = (tmp_path / "best" / "README.md").read_text()
    assert "pipeline_tag: text-ranking" in card
    assert "| loss | lce |" in card


def test_what_is_saved_is_a_teacher_with_the_same_scores(tiny, tmp_path):
    from wrank.teacher.cross_encoder import CrossEncoderTeacher

    tiny.save(tmp_path / "best")
    with CrossEncoderTeacher(str(tmp_path / "best"), max_length=48, device="cpu") as teacher:
        np.testing.assert_allclose(list(teacher.score(PAIRS)), list(tiny.score_pairs(PAIRS)), atol=1e-5)


def test_a_saved_model_is_replaced_and_anything_else_is_not(tiny, tmp_path):
    tiny.save(tmp_path / "best")
    tiny.save(tmp_path / "best")
    assert json.loads((tmp_path / "best" / "wrank.json").read_text())["kind"] == "cross_encoder"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(WrankError, match="not a model"):
        tiny.save(tmp_path / "mine")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_head_of_several_labels_is_refused(model_folder):
    import transformers

    folder = model_folder("bert")
    config = transformers.BertConfig.from_pretrained(folder, num_labels=3)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    with pytest.raises(WrankError, match="3 labels"):
        CrossEncoder(path=str(folder))


def test_a_weight_of_the_encoder_that_is_missing_is_told(model_folder):
    from safetensors.torch import load_file, save_file

    path = model_folder("bert") / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(name for name in weights if "layer.1" in name))
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(WrankError, match=r"would be random.*layer\.1"):
        CrossEncoder(path=str(path.parent))


def test_lora_trains_its_matrices_and_the_head_and_is_saved_as_a_plain_model(tmp_path):
    model = CrossEncoder("random:tiny", lora={"rank": 2, "alpha": 4})
    assert model.fingerprint() == CrossEncoder("random:tiny").fingerprint()
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained
    assert all("lora_" in name or "classifier" in name or "pooler" in name for name in trained)
    assert any("classifier" in name for name in trained)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(torch.linspace(-0.5, 0.5, weight.numel()).view_as(weight))
    model.save(tmp_path / "best")
    again = CrossEncoder(path=str(tmp_path / "best"))
    np.testing.assert_allclose(list(again.score_pairs(PAIRS)), list(model.score_pairs(PAIRS)), atol=1e-5)
    assert not any("lora" in name for name, _ in again.named_parameters())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"max_length": 4}, "max_length"),
        ({"max_length": 5000}, "positions for 512"),
        ({"depth": 0}, "depth"),
        ({"dev_depth": True}, "dev_depth"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": "abc"}, r"model\.dropout='abc': give a probability"),
        ({"first_stage": None}, r"model\.first_stage=None: give bm25"),
        ({"first_stage": " "}, r"model\.first_stage=' '"),
        ({"first_stage": 3}, r"model\.first_stage=3"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"lora": {"rnak": 3}}, "rnak"),
    ],
)
def test_values_that_cannot_be_are_refused(wrong, told):
    with pytest.raises(WrankError, match=told):
        CrossEncoder("random:tiny", **wrong)


def test_the_identity_of_a_training_holds_lora_and_no_path():
    plain, adapted = CrossEncoder("random:tiny"), CrossEncoder("random:tiny", lora={"rank": 2})
    assert "lora" not in plain.identity()
    assert adapted.identity()["lora"]["rank"] == 2
    assert "first_stage" not in plain.identity()
    assert CrossEncoder("random:tiny", first_stage="/some/folder").identity() == plain.identity()
