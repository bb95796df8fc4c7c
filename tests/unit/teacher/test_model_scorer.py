import pytest

from wrank.model.cross_encoder import CrossEncoder
from wrank.teacher.cross_encoder import CrossEncoderTeacher
from wrank.teacher.model_scorer import ModelScorer

PAIRS = [("query", "passage"), ("another", "a longer passage")]


def test_a_model_in_memory_scores_and_is_known_as_its_folder_is(tmp_path):
    model = CrossEncoder("random:tiny", max_length=64)
    model.save(tmp_path / "best")
    again = CrossEncoder(path=str(tmp_path / "best"))
    scorer = ModelScorer(again, "name", batch_tokens=512, precision="float32", device="cpu")
    teacher = CrossEncoderTeacher(str(tmp_path / "best"), max_length=64, device="cpu")
    assert scorer.identity() == teacher.identity()
    with scorer, teacher:
        found = list(scorer.score(PAIRS))
        assert found == pytest.approx(list(teacher.score(PAIRS)), abs=1e-6)
    assert list(scorer.score(PAIRS)) == pytest.approx(found), "closing freed a model that somebody else holds"
    assert scorer.title() == "name"
