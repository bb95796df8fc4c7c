"""A bi-encoder's scores are its similarities, whatever is encoded together, and each text is encoded once."""

import pytest

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.teacher.bi_encoder import BiEncoderTeacher

PAIRS = [("red fox", "a fox is red"), ("blue", "the sky " * 30), ("red fox", "stones"), ("blue", "a fox is red")]


@pytest.fixture
def teacher():
    return BiEncoderTeacher("random:tiny", query_length=32, passage_length=64, temperature=0.5, device="cpu")


def similarity(pair, model):
    sides = zip(pair, ("query", "passage"), strict=True)
    query, passage = (model.embed(model.tokenize([text], role), role) for text, role in sides)
    return (query @ passage.T).item()


def test_scores_are_similarities_divided_by_the_temperature(teacher):
    model = BiEncoder("random:tiny", query_length=32, passage_length=64)
    marks = list(teacher.marks(PAIRS))
    for mark, pair in zip(marks, PAIRS, strict=True):
        assert mark.value == pytest.approx(similarity(pair, model) / 0.5, abs=1e-5)
    assert [mark.truncated for mark in marks] == [False, True, False, False]
    assert not any(mark.reason for mark in marks)
    assert teacher.prefer(*PAIRS[0], PAIRS[2][1]) > 0.5


def test_a_dot_products_score_is_the_dot_product():
    teacher = BiEncoderTeacher("random:tiny", similarity="dot", temperature=1, device="cpu")
    model = BiEncoder("random:tiny", similarity="dot")
    assert next(teacher.score(PAIRS[:1])) == pytest.approx(similarity(PAIRS[0], model), rel=1e-5)


def test_a_text_is_encoded_once_and_blocks_change_nothing(teacher, monkeypatch):
    expected = [mark.value for mark in teacher.marks(PAIRS)]
    seen, embed = [], BiEncoder.embed
    monkeypatch.setattr(
        BiEncoder, "embed", lambda self, ids, role, **k: seen.extend(ids) or embed(self, ids, role, **k)
    )
    told = []
    list(teacher.marks(PAIRS, told.append))
    assert len(seen) == 5  # two queries, three passages
    assert sum(told) == 4
    monkeypatch.setattr("wrank.teacher.bi_encoder.PAIRS_AT_ONCE", 1)
    assert [mark.value for mark in teacher.marks(PAIRS)] == pytest.approx(expected, abs=1e-5)


def test_identity_is_what_can_change_a_score(teacher, tmp_path):
    def identity(**changes):
        given = {"query_length": 32, "passage_length": 64, "temperature": 0.5, "device": "cpu"}
        return BiEncoderTeacher(**{"source": "random:tiny", **given, **changes}).identity()

    same = identity()
    assert same == teacher.identity()
    assert identity(batch_tokens=10, device="auto") == same
    for change in ({"passage_length": 32}, {"temperature": 1}, {"similarity": "dot"}, {"precision": "bfloat16"}):
        assert identity(**change) != same
    BiEncoder("random:tiny", query_length=32, passage_length=64).save(tmp_path / "saved")
    by_path = BiEncoderTeacher(path=str(tmp_path / "saved"), temperature=0.5, device="cpu")  # source is not looked at
    assert by_path.identity() == same
    assert by_path.title() == "saved"
    assert (teacher.title(), teacher.facts()["passage_length"]) == ("random-tiny", 64)
    teacher.close()
    teacher.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"temperature": 0}, r"teacher\.temperature=0: wanted a number above 0"),
        ({"batch_tokens": 0}, r"teacher\.batch_tokens=0"),
        ({"precision": "half"}, r"teacher\.precision=half: wanted one of float32"),
        ({"device": "tpu"}, r"teacher\.device=tpu"),
        ({"source": None}, r"both null"),
    ],
)
def test_values_out_of_range_are_told(given, told):
    with pytest.raises(WrankError, match=told):
        BiEncoderTeacher(**{"source": "random:tiny", **given})


def test_a_model_that_is_not_there_is_told_under_the_teachers_keys():
    with pytest.raises(WrankError, match=r"teacher\.source='random:huge'"):
        BiEncoderTeacher("random:huge").start()
