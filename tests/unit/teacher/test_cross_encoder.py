"""A cross-encoder's scores against a naive forward pass, one pair at a time."""

import math

import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.teacher.cross_encoder import CrossEncoderTeacher
from wrank.teacher.loading import load_cross_encoder
from wrank.teacher.tiny import tiny_cross_encoder

PAIRS = [(f"why {'so ' * (n % 3)}wet", f"Rain number {n}. " * (1 + n % 7)) for n in range(23)]
PAIRS += [("", ""), ("x", "天空")]


def saved(folder, labels=1):
    model, tokenizer = tiny_cross_encoder(seed=3, labels=labels)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def logits(model, tokenizer, length):
    """[L] a pair, one pair at a time."""
    with torch.inference_mode():
        return [
            model(**tokenizer([query], [passage], truncation=True, max_length=length, return_tensors="pt")).logits[0]
            for query, passage in PAIRS
        ]


@pytest.mark.parametrize("batch_tokens", [1, 100, 500, 100_000])
def test_any_batch_size_gives_what_a_naive_pass_gives(batch_tokens):
    wanted = [float(row[0]) for row in logits(*tiny_cross_encoder(), 64)]
    done = []
    teacher = CrossEncoderTeacher("random:tiny", max_length=64, batch_tokens=batch_tokens, device="cpu")
    marks = list(teacher.marks(PAIRS, done.append))
    assert [mark.value for mark in marks] == pytest.approx(wanted, abs=1e-5)
    assert max(wanted) - min(wanted) > 0.05  # else anything would pass
    assert sum(done) == len(PAIRS)
    assert [mark.truncated for mark in marks] == [len(f"{q}{p}".encode()) + 3 >= 64 for q, p in PAIRS]


def test_windows_do_not_change_scores(monkeypatch):
    teacher = CrossEncoderTeacher("random:tiny", device="cpu")
    whole = list(teacher.score(PAIRS))
    monkeypatch.setattr("wrank.teacher.cross_encoder.PAIRS_AT_ONCE", 4)
    assert list(teacher.score(iter(PAIRS))) == pytest.approx(whole, abs=1e-5)


def test_sigmoid_activation():
    plain, squashed = (
        list(CrossEncoderTeacher("random:tiny", activation=word, device="cpu").score(PAIRS))
        for word in ("none", "sigmoid")
    )
    assert squashed == pytest.approx([1 / (1 + math.exp(-score)) for score in plain], abs=1e-6)


def test_bfloat16_is_near_and_not_the_same():
    plain, half = (
        np.array(list(CrossEncoderTeacher("random:tiny", precision=word, device="cpu").score(PAIRS)))
        for word in ("float32", "bfloat16")
    )
    assert half == pytest.approx(plain, abs=0.05)
    assert (half != plain).any()


def test_several_labels_as_log_odds_or_expected_grade(tmp_path):
    folder = saved(tmp_path / "three", labels=3)
    probabilities = [row.softmax(0).tolist() for row in logits(*tiny_cross_encoder(3, 3), 512)]
    odds = list(CrossEncoderTeacher(folder, label=2, device="cpu").score(PAIRS))
    assert odds == pytest.approx([math.log(p[2] / (1 - p[2])) for p in probabilities], abs=1e-5)
    expected = list(CrossEncoderTeacher(folder, label="expected", device="cpu").score(PAIRS))
    assert expected == pytest.approx([p[1] + 2 * p[2] for p in probabilities], abs=1e-5)


def test_a_saved_model_has_the_same_fingerprint_and_another_seed_another(tmp_path):
    folder = saved(tmp_path / "one")
    again = load_cross_encoder(folder, None).fingerprint()
    assert again != CrossEncoderTeacher("random:tiny").identity()["fingerprint"]
    tiny_cross_encoder(seed=3)[0].save_pretrained(tmp_path / "two")
    tiny_cross_encoder()[1].save_pretrained(tmp_path / "two")
    assert load_cross_encoder(str(tmp_path / "two"), None).fingerprint() == again


def test_identity_tells_what_changes_a_score_and_nothing_else():
    def identity(**keys):
        return CrossEncoderTeacher("random:tiny", **keys).identity()

    base = identity()
    assert identity(batch_tokens=7, device="cpu") == base
    for keys in ({"max_length": 64}, {"precision": "bfloat16"}, {"activation": "sigmoid"}):
        assert identity(**keys) != base


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"max_length": 3}, "max_length"),
        ({"batch_tokens": 0}, "batch_tokens"),
        ({"precision": "int4"}, "precision"),
        ({"activation": "tanh"}, "activation"),
        ({"device": "tpu"}, "device"),
        ({"label": -1}, "label"),
        ({"label": "expected", "activation": "sigmoid"}, "activation"),
    ],
)
def test_wrong_values_are_refused(keys, wanted):
    with pytest.raises(WrankError, match=wanted):
        CrossEncoderTeacher("random:tiny", **keys)


def test_models_without_a_trained_head_or_a_choice_of_label_are_refused(tmp_path):
    with pytest.raises(WrankError, match="3 labels"):
        CrossEncoderTeacher(saved(tmp_path / "three", labels=3)).identity()
    with pytest.raises(WrankError, match="1 label"):
        CrossEncoderTeacher("random:tiny", label=1).identity()
    model, tokenizer = tiny_cross_encoder()
    model.bert.save_pretrained(tmp_path / "headless")
    tokenizer.save_pretrained(tmp_path / "headless")
    with pytest.raises(WrankError, match="classifier"):
        CrossEncoderTeacher(str(tmp_path / "headless")).identity()
    (tmp_path / "pickle").mkdir()
    for name in ("config.json", "pytorch_model.bin"):
        (tmp_path / "pickle" / name).write_text("{}")
    with pytest.raises(WrankError, match="pickle"):
        CrossEncoderTeacher(str(tmp_path / "pickle")).identity()
    with pytest.raises(WrankError, match=r"teacher\.model=/nowhere"):
        CrossEncoderTeacher("/nowhere").identity()


def test_broken_weights_are_told_not_written():
    teacher = CrossEncoderTeacher("random:tiny", device="cpu")
    teacher.start()
    with torch.no_grad():
        teacher._loaded().transformer.classifier.weight.fill_(math.nan)
    with pytest.raises(WrankError, match="NaN"):
        list(teacher.score(PAIRS))
