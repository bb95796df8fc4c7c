"""The tables of a study are made from the store that it was run with, and a rerun is held against them."""

import json

import pytest

from experiments import check
from experiments.results import MEASURES, Study, expected_of, write_results
from tests.integration.conftest import SMOKE, Wrank


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two experiments of a study, two seeds each, in their smallest form."""
    wrank = Wrank(tmp_path_factory.mktemp("studies"))
    experiments = "experiment=graded_vs_binary_infonce,graded_vs_binary_kl"
    wrank("run", "-m", *SMOKE, experiments, "study=graded_vs_binary", "seed=0,1", "loss.temperature=choice(0.2)")
    return wrank


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The study, with a folder of its own."""
    found = Study(name="graded_vs_binary", system=("loss", "in_batch_target"))
    monkeypatch.setattr(Study, "folder", tmp_path)
    monkeypatch.setattr(check, "study_of", lambda name: found)
    return found


def test_rows_are_the_evaluations_of_the_store(store, study):
    rows = study.rows(store.folder / "store")
    assert [(row["system"], row["seed"], row["temperature"]) for row in rows] == [
        ("tiny-minilm", "", ""),
        ("infonce", "0", "0.2"),
        ("infonce", "1", "0.2"),
        ("kl none", "0", "0.2"),
        ("kl none", "1", "0.2"),
    ]
    manifests = [json.loads((path / "manifest.json").read_text()) for path in store.artifacts("evaluation")]
    by_key = {one["content_key"]: one["result"]["measures"] for one in manifests}
    for row in rows:
        assert {name: float(row[name]) for name in MEASURES} == pytest.approx(by_key[row["evaluation"]], abs=1e-6)


def test_a_store_is_held_against_what_is_expected(store, study, capsys):
    folder = store.folder / "store"
    rows = study.rows(folder)
    (study.folder / "expected.yaml").write_text(json.dumps(expected_of(rows)))  # JSON is YAML
    write_results(study.folder / "results.csv", rows)
    assert check.main(["graded_vs_binary"]) == 0
    assert check.main(["graded_vs_binary", str(folder)]) == 0
    expected = expected_of(rows)
    expected["sample/test"]["kl none"]["AP"]["value"] += 0.3 + expected["sample/test"]["kl none"]["AP"]["tolerance"]
    (study.folder / "expected.yaml").write_text(json.dumps(expected))
    capsys.readouterr()
    assert check.main(["graded_vs_binary", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "kl none" in told
    assert "11 of 12 means are as expected" in told


def test_a_store_without_the_study_is_told(study, tmp_path, capsys):
    (tmp_path / "expected.yaml").write_text("{}")
    (tmp_path / "empty").mkdir()
    assert check.main(["graded_vs_binary", str(tmp_path / "empty")]) == 2
    assert "nothing of study" in capsys.readouterr().err
