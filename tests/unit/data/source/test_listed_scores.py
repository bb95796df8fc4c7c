import json

import pytest

from wrank.data.source.listed import ListedSource
from wrank.data.source.listed_scores import ListedScores
from wrank.errors import WrankError


def write(tmp_path, scores):
    passages = [{"id": f"p{n}", "text": f"t{n}", "grade": n} for n in range(3)]
    for passage, score in zip(passages, scores, strict=True):
        if score is not None:
            passage["score"] = score
    path = tmp_path / "lists.jsonl"
    path.write_text(json.dumps({"query_id": "q", "query": "words", "passages": passages}) + "\n")
    return str(path)


def test_the_scores_of_lists_are_pairs(tmp_path):
    path = write(tmp_path, [-1.5, 0.25, 3])
    texts = ListedSource(path).load("train", tmp_path / "cache")
    found = ListedScores(path).load(texts.queries, texts.passages, tmp_path / "cache")
    assert found == {"q": {"p0": -1.5, "p1": 0.25, "p2": 3.0}}


@pytest.mark.parametrize(
    ("scores", "message"), [([None] * 3, "no passage has a 'score'"), ([1, None, 2], "2 of the 3 passages have")]
)
def test_lists_without_all_scores_are_refused(tmp_path, scores, message):
    path = write(tmp_path, scores)
    texts = ListedSource(path).load("train", tmp_path / "cache")
    with pytest.raises(WrankError, match=message):
        ListedScores(path).load(texts.queries, texts.passages, tmp_path / "cache")


def test_another_file_is_another_content(tmp_path):
    first = ListedScores(write(tmp_path, [1, 2, 3])).content(None)
    assert ListedScores(write(tmp_path, [1, 2, 4])).content(None) != first
