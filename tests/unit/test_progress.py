"""How far a job is, on disk."""

import json
import subprocess
import sys

import pytest

from wrank import progress
from wrank.progress import PROGRESS, read_progress, report, told_in


class Clock:
    def __init__(self):
        self.wall = self.steady = 1000.0

    def time(self):
        return self.wall

    def monotonic(self):
        return self.steady

    def pass_by(self, seconds):
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_nothing_is_written_where_no_job_asked_for_it(tmp_path, monkeypatch):
    monkeypatch.delenv("WRANK_PROGRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    report("training", 1, 10, "steps")
    assert not list(tmp_path.iterdir())
    assert read_progress(tmp_path) == {}


def test_first_and_last_word_are_written_and_one_a_second_between(tmp_path, clock):
    with told_in(tmp_path):
        report("training", 5, 10, "steps")
        for done in (6, 7):
            clock.pass_by(0.4)
            report("training", done, 10, "steps")
        assert read_progress(tmp_path)["done"] == 5
        clock.pass_by(0.4)
        report("training", 8, 10, "steps")
        facts = read_progress(tmp_path)
        assert (facts["done"], facts["before"], facts["label"], facts["unit"]) == (8, 5, "training", "steps")
        assert facts["at"] - facts["began"] == pytest.approx(1.2)
        report("training", 10, 10, "steps")
        assert read_progress(tmp_path)["done"] == 10


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_clock_that_jumps_neither_silences_progress_nor_changes_the_speed(jump, tmp_path, clock):
    with told_in(tmp_path):
        report("training", 0, 10, "steps")
        clock.wall += jump
        clock.pass_by(2.0)
        report("training", 4, 10, "steps")
    facts = read_progress(tmp_path)
    assert facts["done"] == 4
    assert facts["at"] - facts["began"] == pytest.approx(2.0)
    assert facts["at"] == clock.wall


def test_full_disk_stops_nothing(tmp_path, monkeypatch):
    with told_in(tmp_path / "no" / "such"):
        report("training", 0, 10, "steps")
    monkeypatch.setattr(progress, "write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with told_in(tmp_path):
        report("training", 0, 10, "steps")


def test_spawned_processes_report_in_the_same_place(tmp_path):
    with told_in(tmp_path):
        code = "from wrank.progress import report; report('encoding', 3, 9, 'passages')"
        subprocess.run([sys.executable, "-c", code], check=True)
    assert read_progress(tmp_path)["done"] == 3


def test_place_of_the_job_around_it_comes_back(tmp_path, monkeypatch):
    monkeypatch.delenv("WRANK_PROGRESS", raising=False)
    (tmp_path / "inner").mkdir()
    with told_in(tmp_path):
        with told_in(tmp_path / "inner"):
            report("a", 0, 1, "x")
        report("b", 0, 1, "x")
    report("c", 0, 1, "x")
    assert (read_progress(tmp_path)["label"], read_progress(tmp_path / "inner")["label"]) == ("b", "a")


@pytest.mark.parametrize(
    "text", ["", '{"label": "tr', "[]", '{"label": "a"}', '{"label": "a", "unit": "b", "done": "3"}']
)
def test_word_that_is_cut_off_is_none(text, tmp_path):
    (tmp_path / PROGRESS).write_text(text)
    assert read_progress(tmp_path) == {}


def test_words_of_a_job_are_whole_json(tmp_path):
    with told_in(tmp_path):
        report("a", 0, 1, "x")
    assert json.loads((tmp_path / PROGRESS).read_text())["total"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [PROGRESS]
