"""The real ids of ir_datasets, looked up and not fetched; and three sets over one corpus of local files."""

import importlib.util
import os

import pytest

from tests.fixtures.suites import settings
from wrank.evaluation.measure import score_run
from wrank.evaluation.suite import msmarco
from wrank.evaluation.suite.msmarco import GRADED_MEASURES, SETS, MsMarcoSuite

if importlib.util.find_spec("ir_datasets") is None:  # imported, it would make its folder in the user's home
    pytest.skip("pip install ir_datasets", allow_module_level=True)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))


def test_each_set_is_a_dataset_with_judgements_over_the_passages():
    for one in MsMarcoSuite().sets():
        source = one.source()
        assert source.splits() == [one.name] == [one.split]
        assert source.place(f"qrels/{one.split}") == f"{SETS[one.name]}/qrels"
        assert source.place("corpus") == "msmarco-passage/docs"


def test_the_tracks_have_measures_of_their_own_and_no_average():
    made = settings("msmarco")
    dev, *tracks = made.suite.sets()
    assert (dev.name, dev.measures, made.measures[:2]) == ("dev", None, ("RR@10", "R@1000"))
    assert {one.measures for one in tracks} == {GRADED_MEASURES}
    assert (made.depth, made.drop_self, made.suite.averaged) == (1000, False, False)
    assert GRADED_MEASURES[0] == "nDCG@10"
    assert (dev.relevant, [one.relevant for one in tracks]) == (1, [2, 2])


def test_a_grade_of_1_is_not_relevant_for_the_binary_measures():
    scores = score_run({"q": {"a": 2.0, "b": 1.0}}, {"q": {"a": 1, "b": 2, "c": 3}}, GRADED_MEASURES).measures
    assert scores["RR(rel=2)@10"] == 0.5
    assert scores["AP(rel=2)@1000"] == 0.25
    assert scores["R(rel=2)@1000"] == 0.5


def test_the_sets_share_one_table_of_passages(tmp_path, monkeypatch):
    import ir_datasets
    from ir_datasets.formats import TrecQrels, TsvDocs, TsvQueries
    from ir_datasets.util import LocalDownload

    def file(name, content):
        (tmp_path / name).write_text(content)
        os.utime(tmp_path / name, (1, 1))
        return LocalDownload(tmp_path / name)

    docs = TsvDocs(file("docs.tsv", "d1\ttea\nd2\tcoffee\n"))
    ir_datasets.registry.register("suite-test", ir_datasets.Dataset(docs))
    for name in SETS:
        queries, qrels = file(f"{name}.tsv", f"{name}-q\ta drink\n"), file(f"{name}.qrels", f"{name}-q 0 d1 3\n")
        dataset = ir_datasets.Dataset(docs, TsvQueries(queries), TrecQrels(qrels, {}))
        ir_datasets.registry.register(f"suite-test/{name}", dataset)
    monkeypatch.setattr(msmarco, "CORPUS", "suite-test")
    monkeypatch.setattr(msmarco, "SETS", {name: f"suite-test/{name}" for name in SETS})
    found = [one.source().load(one.split, tmp_path / "cache") for one in MsMarcoSuite().sets()]
    assert [one.qrels for one in found] == [{f"{name}-q": {"d1": 3.0}} for name in SETS]
    assert len({one.passages.key for one in found}) == 1
    assert len({one.fingerprint for one in found}) == 3
    (alone,) = MsMarcoSuite(["dl19"]).sets()
    assert alone.source().load("dl19", tmp_path / "cache").fingerprint == found[1].fingerprint  # whatever the subset
