"""What a tracker is told: samples by level, a row a query, what was made from what; and never an error."""

import json
import logging
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from wrank.evaluation.scored import Scored
from wrank.stage import tracked
from wrank.stage.identity import commit_tags
from wrank.store import Artifact, Stage, Store
from wrank.tracking.base import Tracker


class Kept(Tracker):
    wants_artifacts = True

    def __init__(self):
        self.figures, self.tables, self.pages, self.artifacts = {}, {}, {}, []
        self.texts, self.collections = {}, []

    def log(self, figures):
        self.figures |= figures

    def table(self, name, columns, rows, texts=()):
        self.tables[name] = (list(columns), [list(row) for row in rows])
        self.texts[name] = list(texts)

    def page(self, name, path):
        self.pages[name] = path

    def artifact(self, manifest_folder, role):
        self.artifacts.append((manifest_folder, role))

    def data(self, name, fingerprint, facts):
        self.collections.append((name, fingerprint, facts))


@pytest.fixture
def generation(tmp_path):
    (tmp_path / "qrels").mkdir()
    rows = [(f"q{n}", f"p{n}-{grade}", grade) for n in range(20) for grade in (3, 0)]
    lines = ["query-id\tcorpus-id\tscore", *(f"{query}\t{passage}\t{grade}" for query, passage, grade in rows)]
    (tmp_path / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    queries = [json.dumps({"_id": f"q{n}", "text": f"question {n}"}) for n in range(20)]
    passages = [
        json.dumps({"_id": passage, "title": "T" if grade else "", "text": f"text {passage}"})
        for _, passage, grade in rows
    ]
    (tmp_path / "queries.jsonl").write_text("\n".join(queries) + "\n")
    (tmp_path / "corpus.jsonl").write_text("\n".join(passages) + "\n")
    (tmp_path / "audit.html").write_text("<html></html>")
    return Artifact(tmp_path, {"result": {"collection": {"passages": 40, "levels": {"0": 20}}}, "content_key": "k"})


def test_samples_are_a_dozen_of_each_level_the_highest_first(generation):
    rows = tracked.samples(generation.path)
    assert [level for level, *_ in rows] == [3.0] * 12 + [0.0] * 12
    assert rows[0] == (3.0, "question 0", "T\ntext p0-3")
    assert rows[12] == (0.0, "question 0", "text p0-0")


def test_a_generation_is_figures_samples_the_audit_and_an_artifact(generation):
    tracker = Kept()
    tracked.tell_generation(tracker, generation)
    assert tracker.figures == {"generate/passages": 40}
    assert tracker.tables["generation/samples"][0] == ["level", "query", "passage"]
    assert tracker.texts == {"generation/samples": ["query", "passage"]}
    assert tracker.pages == {"generation/audit": generation.path / "audit.html"}
    assert tracker.artifacts == [(generation.path, "made")]


def a_test_set():
    texts = {"q0": "first?", "q1": "second?"}
    queries = SimpleNamespace(row=lambda id: id, text=texts.__getitem__)
    rule = SimpleNamespace(main="RR@10")
    return SimpleNamespace(name="s/test", label="s", rule=rule, collection=SimpleNamespace(queries=queries))


def scored(name, path, *values):
    per_query = {f"q{n}": {"nDCG@10": value, "RR@10": value / 2} for n, value in enumerate(values)}
    return Scored(name, path, {"nDCG@10": 0.5, "RR@10": 0.25}, per_query, {})


def test_a_row_a_query_holds_its_words_measures_and_the_difference_to_the_base(tmp_path):
    own, base = scored("own", tmp_path / "own", 1.0, 0.5), scored("base", tmp_path / "base", 0.5)
    tracker = Kept()
    tracked.tell_scores(tracker, {"own": {"s/test": own}, "base": {"s/test": base}}, [a_test_set()], "own", "base")
    assert tracker.figures == {"test/s/nDCG@10": 0.5, "test/s/RR@10": 0.25}
    columns, rows = tracker.tables["per_query/s"]
    assert columns == ["query_id", "query", "nDCG@10", "RR@10", "RR@10 - base"]
    assert rows == [["q0", "first?", 1.0, 0.5, 0.25], ["q1", "second?", 0.5, 0.25, None]]
    assert tracker.texts == {"per_query/s": ["query"]}
    assert tracker.artifacts == [(tmp_path / "own", "made")]


def test_a_system_alone_has_no_differences(tmp_path):
    own = scored("own", tmp_path, 1.0)
    tracker = Kept()
    tracked.tell_scores(tracker, {"own": {"s/test": own}}, [a_test_set()], "own", "own")
    assert tracker.tables["per_query/s"][0] == ["query_id", "query", "nDCG@10", "RR@10"]


def test_baselines_have_names_of_their_own(tmp_path):
    tracker = Kept()
    tracked.tell_baselines(tracker, {"bm25": {"s/test": scored("bm25", tmp_path, 1.0)}}, [a_test_set()], ["bm25"])
    assert tracker.figures == {"baseline/bm25/s/nDCG@10": 0.5, "baseline/bm25/s/RR@10": 0.25}


def test_the_best_dev_score_is_told_whatever_the_history_holds(tmp_path):
    tracker = Kept()
    tracked.tell_trained(tracker, Artifact(tmp_path, {"result": {"best_dev": 0.7, "best_step": 3, "steps": 9}}))
    assert tracker.figures == {"best/dev": 0.7, "best/step": 3}
    assert tracker.artifacts == [(tmp_path, "made")]


def test_what_cannot_be_read_is_a_warning(tmp_path, caplog):
    broken = Artifact(tmp_path, {"result": {"collection": {}}})
    with caplog.at_level(logging.WARNING):
        tracked.tell_generation(Kept(), broken)
    assert "it is left out" in caplog.text


@pytest.fixture
def job(tmp_path):
    """A store with a generation and pairs, and the collection that was read from the generation."""
    store = Store(tmp_path / "store")

    def finished(kind, **named):
        return store.run(Stage(kind, kind, **{"config": {}, "inputs": {}, **named}), lambda folder: {})

    def told(collection, stage, **config):
        context = SimpleNamespace(store=store, cfg=OmegaConf.create(config), source=SimpleNamespace(path=source.path))
        tracker = Kept()
        tracked.tell_used(tracker, context, stage, collection)
        return tracker

    source, mined = finished("generation"), finished("mined")
    counts = SimpleNamespace(describe=lambda: {"queries": 3}, name="g", split="train", fingerprint="f" * 64, mixed=None)
    return SimpleNamespace(told=told, finished=finished, generation=source, mined=mined, collection=counts)


def test_the_collection_is_told_with_the_generation_it_was_read_from(job):
    """Generation -> data -> model."""
    tracker = job.told(job.collection, Stage("model", "m", {}, {}))
    assert tracker.artifacts == [(job.generation.path, "used")]
    inputs = {"generation": [job.generation.content_key]}
    assert tracker.collections == [("g", "f" * 64, {"split": "train", "queries": 3, "inputs": inputs})]


def test_the_parts_of_a_mix_are_where_its_folders_are(job, tmp_path):
    job.collection.mixed = SimpleNamespace(folders=(tmp_path, job.generation.path / "qrels"))
    tracker = job.told(job.collection, Stage("model", "m", {}, {}))
    assert tracker.artifacts == [(job.generation.path, "used")]


def test_each_is_told_once_however_it_is_known(job):
    stage = Stage("model", "m", {}, {"mined": job.mined.content_key}, details={"generation": job.generation.path.name})
    tracker = job.told(job.collection, stage, pairs=str(job.mined.path / "pairs.parquet"))
    assert sorted(tracker.artifacts) == sorted([(job.mined.path, "used"), (job.generation.path, "used")])
    assert job.told(None, stage).collections == []


def test_a_model_that_is_not_looked_at_is_not_told(job):
    """BM25 does without ``model.path``."""
    model = job.finished("model")
    config = {"model": {"path": str(model.path / "last")}}
    assert job.told(None, Stage("mined", "bm25", {}, {}), **config).artifacts == []
    dense = Stage("mined", "dense", {}, {"model": "0" * 64})
    assert job.told(None, dense, **config).artifacts == [(model.path, "used")]


def test_the_commit_is_a_tag(monkeypatch):
    from wrank.stage import identity

    monkeypatch.setattr(identity, "git_state", lambda: {"commit": "abcdef0123", "dirty": True})
    assert commit_tags() == ("git:abcdef0", "git:dirty")
    monkeypatch.setattr(identity, "git_state", dict)
    assert commit_tags() == ()
