"""A run file as a system: read and checked when its identity is asked for."""

import json

import pytest

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.settings import EvaluationSettings
from wrank.stage.system import run_file
from wrank.stage.system.choose import RUN_SUFFIXES
from wrank.stage.system.run_file import RunSystem
from wrank.stage.test_set import TestSet


@pytest.fixture
def test_set(tmp_path):
    folder = tmp_path / "small"
    (folder / "qrels").mkdir(parents=True)
    passages, queries = ("p1", "p2", "a"), ("a", "b", "unjudged")
    (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": one, "text": one}) + "\n" for one in passages))
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": one, "text": one}) + "\n" for one in queries))
    (folder / "qrels" / "test.tsv").write_text("a\tp1\t1\nb\tp2\t1\n")
    collection = BeirSource(str(folder)).load("test", tmp_path / "tables")

    def make(**settings):
        return TestSet(SetRule("small/test", "nDCG@10", "small", False), collection, EvaluationSettings(**settings))

    return make


@pytest.fixture
def system(tmp_path):
    def make(*lines):
        path = tmp_path / "other.res"
        path.write_text("".join(f"{line}\n" for line in lines))
        return RunSystem(path)

    return make


def test_rankings_and_counts(system, test_set):
    lines = ["a Q0 a 1 9 x", "a Q0 p1 2 2 x", "a Q0 p2 3 1 x", "unjudged Q0 p1 1 1 x", "elsewhere Q0 any 1 1 x"]
    ranked = system(*lines).rank(None, test_set(), ["a", "b"], None, None)
    assert ranked.rankings.to_dict() == {"a": {"a": 9.0, "p1": 2.0, "p2": 1.0}, "b": {}}
    assert ranked.counts == {"queries_unjudged_in_run": 2}
    dropped = system(*lines).rank(None, test_set(drop_self=True), ["a", "b"], None, None).rankings
    assert (list(dropped.to_dict()["a"]), dropped.dropped_self) == (["p1", "p2"], 1)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "other.res: empty; wanted a TREC run, lines query-id Q0"),
        (["a Q0 p1 1 2"], "other.res:1: 5 columns, wanted 6"),
        (["a Q0 p1 1 2 x", "a Q0 p2 2 nan x"], "other.res:2: score 'nan' is not a finite number"),
        (["a Q0 p1 1 1e300 x"], "other.res:1: score 1e300 does not fit into float32"),
        (["a Q0 p1 1 2 x", "a Q0 p1 2 1 x"], "other.res:2: passage 'p1' comes twice for query 'a'"),
        (["a Q0 p9 1 2 x"], "passage 'p9' of query 'a' is not in small"),
        (["unjudged Q0 p1 1 2 x"], "none of the 2 judged queries of small/test is in it: it has 'unjudged'"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_identity(system, test_set, lines, message):
    with pytest.raises(WrankError, match=message):
        system(*lines).identity(None, test_set())


def test_the_file_is_read_once_for_a_set_and_again_for_other_settings(system, test_set, monkeypatch):
    read = []
    monkeypatch.setattr(run_file, "read_run", lambda path, real=run_file.read_run: read.append(path) or real(path))
    one = system("a Q0 p1 1 2 x", "a Q0 p2 1 1 x")
    one.identity(None, test_set())
    one.identity(None, test_set())
    assert len(one.rank(None, test_set(), ["a", "b"], None, None).rankings.to_dict()["a"]) == 2
    assert len(read) == 1
    shallow = one.rank(None, test_set(depth=1, measures=["RR@1"]), ["a", "b"], None, None)
    assert len(shallow.rankings.to_dict()["a"]) == 1


def test_a_missing_file_is_refused_and_terrier_s_ending_is_known(tmp_path):
    with pytest.raises(WrankError, match="no such run file"):
        RunSystem(tmp_path / "none.trec")
    assert ".res" in RUN_SUFFIXES
