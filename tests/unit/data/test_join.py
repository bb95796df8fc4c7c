"""Real and generated passages in one training collection."""

import json

import pytest

from wrank.data.join import join
from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError


def folder(path, corpus, queries, qrels):
    (path / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in rows.items()]
        (path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    lines = ["query-id\tcorpus-id\tscore", *(f"{q}\t{p}\t{g}" for q, p, g in qrels)]
    (path / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def real(tmp_path):
    made = folder(
        tmp_path / "real", {"d1": "one", "d2": "two"}, {"q1": "a", "q2": "b"}, [("q1", "d1", 2), ("q2", "d2", 1)]
    )
    return BeirSource(str(made)).load("train", tmp_path / "cache")


def written(tmp_path, corpus, queries, qrels):
    return BeirSource(str(folder(tmp_path / "written", corpus, queries, qrels))).load("train", tmp_path / "cache")


def test_add_keeps_both_judgements_and_the_generated_one_wins(real, tmp_path):
    """An anchored recipe writes the real anchor too, with a grade of its own."""
    made = written(tmp_path, {"g:q1": "new", "d1": "one"}, {"q1": "a"}, [("q1", "g:q1", 0), ("q1", "d1", 3)])
    joined = join(real, made, "add")
    assert joined.qrels == {"q1": {"d1": 3, "g:q1": 0}, "q2": {"d2": 1}}
    assert list(joined.passages.ids) == ["d1", "d2", "g:q1"]
    assert joined.query_text("q2") == "b"
    assert joined.notes["replaced_judgements"] == 1


def test_only_takes_the_generated_judgements_but_keeps_the_corpus_for_negatives(real, tmp_path):
    made = written(tmp_path, {"g:q1": "new"}, {"q1": "a"}, [("q1", "g:q1", 3)])
    joined = join(real, made, "only")
    assert joined.qrels == {"q1": {"g:q1": 3}}
    assert len(joined.passages) == 3
    assert joined.fingerprint != join(real, made, "add").fingerprint


def test_the_real_collection_is_not_changed(real, tmp_path):
    made = written(tmp_path, {"g:q1": "new"}, {"q1": "a"}, [("q1", "g:q1", 3)])
    join(real, made, "add")
    assert real.qrels == {"q1": {"d1": 2}, "q2": {"d2": 1}}


@pytest.mark.parametrize(
    ("corpus", "queries", "what"),
    [({"d1": "other"}, {"q1": "a"}, "passage 'd1'"), ({"g": "x"}, {"q1": "zzz"}, "query 'q1'")],
)
def test_one_id_with_two_texts_is_refused(real, tmp_path, corpus, queries, what):
    made = written(tmp_path, corpus, queries, [("q1", next(iter(corpus)), 1)])
    with pytest.raises(WrankError, match=what):
        join(real, made, "add")


def test_unknown_use_is_refused(real, tmp_path):
    with pytest.raises(WrankError, match="synthetic=both"):
        join(real, real, "both")
