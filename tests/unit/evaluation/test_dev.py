"""The slice that steers a training: whole judgements, hard passages, the same for every seed of a study."""

import json

import pytest

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.evaluation.dev import make_dev_set
from wrank.evaluation.settings import EvaluationSettings
from wrank.model.bi_encoder import BiEncoder


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "mini"
    (folder / "qrels").mkdir(parents=True)
    passages = [{"_id": f"d{n}", "text": f"passage number {n}"} for n in range(40)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passages))
    queries = [{"_id": f"q{n}", "text": f"number {n}"} for n in range(3)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (folder / "qrels" / "train.tsv").write_text("q0\td0\t3\nq0\td1\t0\nq1\td2\t1\nq2\td3\t0\n")
    (folder / "excluded.tsv").write_text("query-id\tcorpus-id\nq0\td9\n")
    return BeirSource(str(folder)).load("train", tmp_path / "tables")


def made(collection, query_ids=("q0", "q1"), **changes):
    settings = EvaluationSettings(depth=100)
    return make_dev_set(collection, query_ids, settings, **({"size": 12, "seed": 0} | changes))


def test_every_judged_passage_is_in_the_slice(collection):
    dev = made(collection)
    assert {"d0", "d1", "d2"} <= set(dev.passage_ids)
    assert len(dev.passage_ids) == 12
    assert dev.query_ids == ["q0", "q1"]
    assert dev.excluded["q0"] == {"d9"}


def test_half_of_the_room_goes_to_passages_the_base_ranks_high(collection):
    dev = made(collection, rank=lambda query_id: [f"d{n}" for n in range(39, 29, -1)], size=11)
    assert {"d39", "d38", "d37", "d36"} <= set(dev.passage_ids)
    assert len(dev.passage_ids) == 11


def test_judged_passages_are_kept_when_they_alone_are_more_than_the_size(collection):
    assert set(made(collection, size=1).passage_ids) == {"d0", "d1", "d2"}


def test_slice_is_a_function_of_the_seed(collection):
    assert made(collection).passage_ids == made(collection).passage_ids
    assert made(collection).passage_ids != made(collection, seed=1).passage_ids


def test_dev_queries_without_a_positive_are_refused(collection):
    with pytest.raises(WrankError, match="dev_share"):
        made(collection, query_ids=["q2"])


def test_score_is_that_of_the_ranking_over_the_slice(collection):
    scores = made(collection)(BiEncoder("random:tiny"))
    assert list(scores) == ["nDCG@10", "RR@10"]
    assert all(0 <= value <= 1 for value in scores.values())
