"""Jobs of an earlier start of the same line are waited for, not started again."""

import pytest

from wrank.launch import ask
from wrank.launch.adopt import open_twins
from wrank.launch.record import JobRecord, folder_lock
from wrank.launch.sweep import SweepJob, SweepRecord


@pytest.fixture
def earlier(tmp_path):
    """An earlier sweep of two jobs: its record, and where jobs write."""

    def make(backend, slurm="", cancelled=0.0):
        folder = tmp_path / "multirun"
        jobs = [
            SweepJob(number, ("a=1",), f"key{number}", str(folder / str(number)), slurm=slurm and f"{slurm}_{number}")
            for number in (0, 1)
        ]
        for job in jobs:
            (folder / str(job.number)).mkdir(parents=True)
        record = SweepRecord("first", "run", (), "/", str(folder), backend, jobs, 1.0, "h", 1, cancelled=cancelled)
        record.write(tmp_path / "store")
        return record

    return make


def twins(tmp_path, *keys, own="second"):
    return {key: job.number for key, job in open_twins(tmp_path / "store", keys, own).items()}


def test_what_waits_in_a_scheduler_is_taken_along(earlier, tmp_path, monkeypatch):
    earlier("slurm", "12")
    monkeypatch.setattr(ask, "queue_of", lambda ids: {"12_0": "PENDING Priority"})
    assert twins(tmp_path, "key0", "key1", "key2") == {"key0": 0}, "the second is gone from the queue"
    assert twins(tmp_path, "key0", own="first") == {}
    assert twins(tmp_path) == {}


def test_a_cancelled_sweep_is_left_alone(earlier, tmp_path, monkeypatch):
    earlier("slurm", "12", cancelled=5.0)
    monkeypatch.setattr(ask, "queue_of", lambda ids: {"12_0": "PENDING Priority"})
    assert twins(tmp_path, "key0") == {}


def test_a_process_at_work_is_taken_along_and_one_that_is_only_planned_is_not(earlier, tmp_path):
    record = earlier("local")
    folder = tmp_path / "multirun" / "1"
    JobRecord("run", ("a=1",), "key1").begun().write(folder)
    with folder_lock(tmp_path / "multirun"), folder_lock(folder):  # somebody waits for it, and it works
        assert twins(tmp_path, "key0", "key1") == {"key1": 1}
    assert record.jobs[0].key == "key0"
