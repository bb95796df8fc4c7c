"""Which jobs are finished, and what makes them start again."""

import os

import pytest

from wrank.launch.finished import JOBS, job_key, recall, remember, stamps

CONFIG = {"seed": 0, "loss": {"temperature": 0.05}, "paths": {"store": "/a"}, "logger": {"kind": "csv"}}


@pytest.fixture
def store(tmp_path):
    made = tmp_path / "store" / "model" / "m-0123"
    made.mkdir(parents=True)
    (made / "manifest.json").write_text("{}")
    return tmp_path / "store"


def result(store):
    return {"name": "m", "model": str(store / "model" / "m-0123"), "evaluations": {"a": {"b": "/elsewhere/c"}}}


def finish(store, config=CONFIG):
    key = job_key("run", config)
    remember(store, key, stamps(config), result(store))
    return key


def test_finished_job_is_found_with_its_result(store):
    key = finish(store)
    assert recall(store, key, CONFIG) == result(store)
    assert recall(store, job_key("run", CONFIG | {"seed": 1}), CONFIG) is None


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"paths": {"store": "/b"}}, True),
        ({"logger": {"kind": "wandb"}}, True),
        ({"hydra": {"a": 1}}, True),
        ({"seed": 1}, False),
        ({"loss": {"temperature": 0.1}}, False),
        ({"name": None}, False),
    ],
)
def test_key_changes_with_everything_but_places_and_loggers(change, same):
    assert (job_key("run", CONFIG | change) == job_key("run", CONFIG)) is same
    assert job_key("train", CONFIG) != job_key("run", CONFIG)


def test_removed_artifact_makes_the_job_start_again(store):
    key = finish(store)
    (store / "model" / "m-0123" / "manifest.json").unlink()
    assert recall(store, key, CONFIG) is None


def test_job_that_made_nothing_in_this_store_is_never_finished(store):
    key = job_key("run", CONFIG)
    remember(store, key, {}, {"described": "sample"})
    assert recall(store, key, CONFIG) is None
    remember(store, key, {}, {"model": "/moved/store/model/m-0123"})
    assert recall(store, key, CONFIG) is None


@pytest.mark.parametrize("text", ["", '{"key": "', "[]", '{"key": "%s"}', '{"key": "%s", "watched": {}, "result": 3}'])
def test_record_that_is_cut_off_makes_the_job_start_again(text, store):
    key = finish(store)
    (path,) = (store / JOBS).iterdir()
    path.write_text(text.replace("%s", key))
    assert recall(store, key, CONFIG) is None


@pytest.mark.parametrize("named", ["absolute", "relative", "file"])
def test_changed_data_makes_the_job_start_again(named, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "mydata"
    data.mkdir()
    (data / "qrels.tsv").write_text("q\td\t1\n")
    (data / "corpus.jsonl").write_text("{}")
    path = {"absolute": str(data), "relative": "mydata", "file": str(data / "qrels.tsv")}[named]
    config = CONFIG | {"data": {"source": {"path": path}}}
    key = finish(store, config)
    assert recall(store, key, config) is not None
    before = (data / "qrels.tsv").stat()
    (data / "qrels.tsv").write_text("q\td\t0\n")  # as many bytes
    os.utime(data / "qrels.tsv", ns=(before.st_atime_ns, before.st_mtime_ns - 10**9))  # older than the latest of them
    assert recall(store, key, config) is None


def test_data_changed_while_the_job_ran_makes_it_start_again(store, tmp_path):
    (tmp_path / "pairs.jsonl").write_text("a")
    config = CONFIG | {"data": {"pairs": str(tmp_path / "pairs.jsonl")}}
    began = stamps(config)
    (tmp_path / "pairs.jsonl").write_text("ab")
    key = job_key("run", config)
    remember(store, key, began, result(store))
    assert recall(store, key, config) is None


def test_store_itself_is_not_watched_since_every_job_changes_it(store):
    config = CONFIG | {"paths": {"store": str(store)}, "data": {"source": {"store": str(store)}}}
    key = finish(store, config)
    (store / "model" / "another").mkdir()
    (store / "model" / "another" / "file").write_text("x")
    assert recall(store, key, config) is not None


def test_words_that_are_no_paths_are_no_trouble(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stamps({"a": "~nobody-at-all/x", "b": "x" * 5000, "c": "a\nb", "d": "\0", "e": "", "f": ["/no/such"]}) == {}


def test_folder_that_cannot_be_read_is_no_trouble(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o000)
    try:
        stamps({"a": str(tmp_path / "shut" / "in")})
    finally:
        (tmp_path / "shut").chmod(0o700)
