"""BEIR's published rules, and what is read when a set is asked for."""

import inspect
import json

import pytest

from tests.fixtures.suites import names, settings
from wrank.data.source import public
from wrank.data.source.fetched import RECORD
from wrank.errors import WrankError
from wrank.evaluation.suite.beir import NAMES, PARTS, BeirSuite


def fetched(folder, name, grade):
    (folder / name / "qrels").mkdir(parents=True)
    (folder / name / "corpus.jsonl").write_text('{"_id": "p1", "title": "Tea", "text": "a leaf"}\n')
    (folder / name / "queries.jsonl").write_text('{"_id": "q1", "text": "what is tea"}\n')
    (folder / name / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq1\tp1\t{grade}\n")
    top = folder / name.partition("/")[0]
    (top / RECORD).write_text(json.dumps({"url": "u", "sha256": "ab", "files": {}}))


def test_the_public_sets_are_there_and_those_that_only_train_are_not():
    assert set(public.NAMES) - set(NAMES) == {"msmarco-v2", "nq-train"}
    assert set(NAMES) < set(public.NAMES)
    assert (len(NAMES), len(PARTS)) == (15, 12)


def test_the_average_is_over_14_out_of_domain_sets_cqadupstack_counting_once():
    sets = BeirSuite("somewhere").sets()
    counted = {one.group or one.name for one in sets if not one.in_domain}
    assert len(counted) == 14
    assert [one.name for one in sets if one.in_domain] == ["msmarco"]
    assert {one.split for one in sets} == {"test", "dev"}
    assert [one.name for one in sets if one.split == "dev"] == ["msmarco"]
    assert len([one for one in sets if one.group == "cqadupstack"]) == 12


def test_the_settings_are_those_of_its_own_evaluator():
    made = settings("beir")
    assert made.measures == ("nDCG@10", "R@100")
    evaluator = pytest.importorskip("beir.retrieval.evaluation").EvaluateRetrieval
    assert inspect.signature(evaluator.evaluate).parameters["ignore_identical_ids"].default is made.drop_self is True


def test_cqadupstack_is_one_name_for_its_parts():
    assert names(BeirSuite("x", ["cqadupstack"]).sets()) == [f"cqadupstack/{part}" for part in PARTS]
    assert names(BeirSuite("x", ["scifact", "cqadupstack/gis"]).sets()) == ["cqadupstack/gis", "scifact"]
    with pytest.raises(WrankError, match="did you mean scifact"):
        BeirSuite("x", ["SciFcat"]).sets()


def test_sets_are_read_from_where_they_were_fetched_to(tmp_path):
    fetched(tmp_path, "scifact", 1)
    fetched(tmp_path, "cqadupstack/gis", -1)
    for one, grade in zip(BeirSuite(str(tmp_path), ["scifact", "cqadupstack/gis"]).sets(), (0.0, 1.0), strict=True):
        collection = one.source().load(one.split, tmp_path / "cache")
        assert collection.qrels == {"q1": {"p1": grade}}  # below 0: not relevant, as for trec_eval
        assert list(collection.passages.all_texts) == ["Tea a leaf"]


def test_a_set_that_was_not_fetched_names_the_command(tmp_path):
    (one,) = BeirSuite(str(tmp_path), ["nfcorpus"]).sets()
    with pytest.raises(WrankError, match="run `wrank data pull nfcorpus`"):
        one.source()
