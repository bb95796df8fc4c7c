"""A sweep's record in the store."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from wrank.errors import WrankError
from wrank.launch.sweep import SweepJob, SweepRecord, find_sweep, forget, new_name, sweeps, unreadable


def sweep(tmp_path, name, started=1.0, **named):
    folder = tmp_path / "multirun" / name
    folder.mkdir(parents=True)
    jobs = [SweepJob(0, ("loss=kl", "name='a b'"), "k" * 64, str(folder / "0"))]
    record = SweepRecord(name, "run", ("-m", "loss=kl"), "/", str(folder), "local", jobs, started, "h", 1, **named)
    record.write(tmp_path / "store")
    return record


def test_record_is_read_as_it_was_written(tmp_path):
    assert sweeps(tmp_path / "store") == []
    first, second = sweep(tmp_path, "b", 1.0), sweep(tmp_path, "a", 2.0)
    assert sweeps(tmp_path / "store") == [first, second]
    forget(tmp_path / "store", first)
    assert sweeps(tmp_path / "store") == [second]


def test_sweep_whose_folder_was_removed_is_not_listed(tmp_path):
    (tmp_path / "multirun" / sweep(tmp_path, "a").name).rmdir()
    assert sweeps(tmp_path / "store") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps(json.loads(text) | {"jobs": ["x"]}),
        lambda text: json.dumps(json.loads(text) | {"jobs": None}),
        lambda text: json.dumps(json.loads(text) | {"folder": 3}),
        lambda text: json.dumps(json.loads(text) | {"started": "today"}),
        lambda text: json.dumps(json.loads(text) | {"colour": "red"}),
        lambda text: text.replace('"number": 0', '"number": "0"'),
        lambda text: text.replace('"loss=kl",', '{"a": 1},').replace("name='a b'", "x").replace('"key"', '"lock"'),
    ],
)
def test_record_cut_off_in_the_middle_is_left_out_and_named(change, tmp_path):
    whole, cut = sweep(tmp_path, "whole"), sweep(tmp_path, "cut")
    path = tmp_path / "store" / ".sweeps" / cut.name / "sweep.json"
    path.write_text(change(path.read_text()))
    assert sweeps(tmp_path / "store") == [whole]
    assert unreadable(tmp_path / "store") == [path]


def test_sweep_is_found_by_its_name_a_part_of_it_or_as_the_latest(tmp_path):
    store = tmp_path / "store"
    with pytest.raises(WrankError, match="no sweep was started with this store"):
        find_sweep(store, None)
    for number, name in enumerate(["mine-run-1", "mine-run-12", "yours-train-3"]):
        sweep(tmp_path, name, float(number))
    assert find_sweep(store, None).name == "yours-train-3"
    assert find_sweep(store, "yours").name == "yours-train-3"
    assert find_sweep(store, "mine-run-1").name == "mine-run-1", "the whole name goes before a part of another"
    assert find_sweep(store, "mine").name == "mine-run-12", "a study's name is its latest sweep"
    assert find_sweep(store, "train").name == "yours-train-3"
    with pytest.raises(WrankError, match=r"run-1: 2 sweeps are called so; wanted one of mine-run-1, mine-run-12$"):
        find_sweep(store, "run-1")
    with pytest.raises(WrankError, match=r"nobody: no sweep is called so; wanted one of .*yours-train-3"):
        find_sweep(store, "nobody")


@pytest.mark.parametrize("study", ["a/b", "..", "äöü", "a b*[c]?", "x" * 128, "'\"", "."])
def test_names_of_odd_studies_are_folders_of_the_store(study, tmp_path):
    name = new_name(tmp_path, study, "run")
    assert (tmp_path / ".sweeps" / name).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [".sweeps"]
    assert new_name(tmp_path, study, "run") != name


def test_sweeps_that_begin_in_one_second_have_names_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: new_name(tmp_path, "study", "run"), range(24)))
    assert len(set(names)) == 24


def test_store_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / ".sweeps").write_text("a file")
    with pytest.raises(WrankError, match=r"\.sweeps"):
        new_name(tmp_path, "study", "run")


def test_a_cancellation_by_somebody_else_is_not_written_over(tmp_path):
    one = sweep(tmp_path, "mine-run-1", 1.0)
    other = find_sweep(tmp_path / "store", "mine-run-1")
    other.cancelled = 7.0
    other.write(tmp_path / "store")
    one.write(tmp_path / "store")
    assert find_sweep(tmp_path / "store", "mine-run-1").cancelled == 7.0
    assert one.cancelled == 7.0
