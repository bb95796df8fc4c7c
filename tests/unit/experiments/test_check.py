"""A rerun that came out otherwise must be told, with exit code 1; each study must be able to be held against itself."""

import re
from pathlib import Path

import pytest
import yaml

from experiments import check
from experiments.results import COLUMNS, MEASURES, expected_of, read_expected, read_results, seeds_of, write_results
from wrank.config import conf_folder
from wrank.errors import WrankError

STUDIES = sorted(path.parent for path in Path(check.__file__).parent.glob("*/expected.yaml"))


def row(system, seed, value, place="some/test"):
    return (
        dict.fromkeys(COLUMNS, "")
        | {"set": place, "system": system, "seed": str(seed)}
        | dict.fromkeys(MEASURES, str(value))
    )


ROWS = [row("a", 0, 0.40), row("a", 1, 0.44), row("b", 0, 0.5), row("b", 1, 0.5)]


def test_tolerance_is_half_the_interval_over_seeds_and_never_nothing():
    found = expected_of(ROWS)["some/test"]
    # t(0.975, 1) = 12.706; s / sqrt(2) = 0.02
    assert found["a"]["AP"] == {"value": 0.42, "tolerance": pytest.approx(0.2542, abs=1e-4), "seeds": 2}
    assert found["b"]["AP"] == {"value": 0.5, "tolerance": 0.005, "seeds": 2}
    assert expected_of([row("c", 0, 0.3)])["some/test"]["c"]["AP"]["tolerance"] == 0.005


def test_what_fits_is_no_fault():
    assert check.compare(ROWS, expected_of(ROWS)) == []
    near = [one if one["system"] == "a" else row("b", one["seed"], 0.5049) for one in ROWS]
    assert check.compare(near, expected_of(ROWS)) == []
    assert check.compare([*ROWS, row("tried too", 0, 0.1)], expected_of(ROWS)) == []


@pytest.mark.parametrize(
    ("rows", "system", "found"),
    [
        ([*ROWS[:2], row("b", 0, 0.51), row("b", 1, 0.51)], "b", "0.5100 (+0.0100)"),
        ([*ROWS[:2], row("b", 0, 0.49), row("b", 1, 0.49)], "b", "0.4900 (-0.0100)"),
        (ROWS[:3], "b", "1 seeds"),
        (ROWS[:2], "b", "0 seeds"),
        ([*ROWS[:2], *(row("b", seed, 0.5, "another/test") for seed in (0, 1))], "b", "0 seeds"),
    ],
)
def test_what_is_off_is_told(rows, system, found):
    off = check.compare(rows, expected_of(ROWS))
    assert [(one.system, one.measure, one.found) for one in off] == [(system, measure, found) for measure in MEASURES]
    assert check.table(off).split("\n")[0].split() == ["set", "system", "measure", "expected", "found"]


def study(tmp_path, monkeypatch, rows):
    """A study of its own folder."""
    folder = tmp_path / "mine"
    folder.mkdir()
    expected = yaml.safe_dump(expected_of(ROWS))
    (folder / "expected.yaml").write_text(expected)
    write_results(folder / "results.csv", rows)
    fake = type("Fake", (), {"name": "mine", "folder": folder})()
    monkeypatch.setattr(check, "study_of", lambda name: fake)


def test_exit_codes(tmp_path, monkeypatch, capsys):
    study(tmp_path, monkeypatch, ROWS)
    assert check.main(["mine"]) == 0
    assert "8 of 8 means are as expected" in capsys.readouterr().out
    write_results(tmp_path / "mine" / "results.csv", ROWS[:3])
    assert check.main(["mine"]) == 1
    assert "4 of 8 means are as expected" in capsys.readouterr().out
    assert check.main([]) == 2


def test_bad_input_is_told_without_a_traceback(tmp_path, monkeypatch, capsys):
    assert check.main(["no_such_study"]) == 2
    assert "graded_vs_binary" in capsys.readouterr().err
    assert check.main(["graded_vs_binary", str(tmp_path / "gone")]) == 2
    assert "wanted the store" in capsys.readouterr().err
    study(tmp_path, monkeypatch, ROWS)
    for text in ("some/test: {a: {AP: 0.4}}", "3", "{", "some/test: {a: {AP: {value: x, tolerance: 1, seeds: 1}}}"):
        (tmp_path / "mine" / "expected.yaml").write_text(text)
        with pytest.raises(WrankError, match=r"wanted set: \{system"):
            read_expected(tmp_path / "mine" / "expected.yaml")
    assert check.main(["mine"]) == 2
    (tmp_path / "mine" / "expected.yaml").write_text("some/test: {}")
    (tmp_path / "mine" / "results.csv").write_text("set,system\n")
    assert check.main(["mine"]) == 2
    assert "wanted study, set" in capsys.readouterr().err


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_every_study_is_whole_and_fits_its_own_results(folder, capsys):
    assert {"README.md", "run.sh", "expected.yaml", "results.csv", "table.py"} <= {
        path.name for path in folder.iterdir()
    }
    assert check.main([folder.name]) == 0, capsys.readouterr().out
    rows = read_results(folder / "results.csv")
    assert {one["study"] for one in rows} == {folder.name}
    assert all(one["evaluation"] for one in rows)
    assert len({(one["set"], one["system"], one["seed"]) for one in rows}) == len(rows)
    known = {place: set(systems) for place, systems in read_expected(folder / "expected.yaml").items()}
    for place, system, _, _ in seeds_of(rows):
        assert system in known[place], "results.csv has a system that expected.yaml does not know"


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_every_study_runs_experiments_that_exist(folder):
    named = set(re.findall(r"experiment=([a-z0-9_,]+)", (folder / "run.sh").read_text()))
    names = {name for one in named for name in one.split(",")}
    assert names
    for name in names:
        assert (conf_folder() / "experiment" / f"{name}.yaml").is_file(), name
    own = {path.stem for path in (conf_folder() / "experiment").glob(f"{folder.name}_*.yaml")}
    assert own <= names, f"never run: {sorted(own - names)}"
