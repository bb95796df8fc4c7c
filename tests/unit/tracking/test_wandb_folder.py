"""A run's folder says whose it is, whether someone writes to it, and whether it was sent."""

import os
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from wrank.tracking.wandb_folder import FACTS, LOCK, find_runs, read_facts, write_facts


@pytest.fixture
def make(tmp_path):
    def made(id="model-1", second=0, facts=None, age=0.0, below="wandb"):
        folder = tmp_path / below / f"offline-run-20261123_1200{second:02d}-{id}"
        folder.mkdir(parents=True)
        log = folder / f"run-{id}.wandb"
        log.write_bytes(b"x")
        os.utime(log, (time.time() - age,) * 2)
        if facts is not None:
            write_facts(folder, facts)
        return folder

    return made


def test_runs_are_found_oldest_first_and_online_ones_are_not_ours(tmp_path, make):
    make("b", 2)
    make("a", 1)
    (tmp_path / "wandb" / "run-20261123_120000-c").mkdir()
    (tmp_path / "wandb" / "offline-run-20261123_120009-empty").mkdir()
    assert [run.id for run in find_runs(tmp_path)] == ["a", "b"]
    assert [run.id for run in find_runs(tmp_path / "wandb")] == ["a", "b"]
    assert find_runs(tmp_path / "nothing") == []


def test_a_run_whose_lock_is_held_is_being_written_and_no_more_once_its_process_is_gone(tmp_path, make):
    folder = make(facts={"id": "model-1"}, age=1e6)
    lock = FileLock(folder / LOCK)
    with lock:
        assert find_runs(tmp_path)[0].is_written()
    assert not find_runs(tmp_path)[0].is_written()
    code = (
        f"from filelock import FileLock; import os; FileLock({str(folder / LOCK)!r}).acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert not find_runs(tmp_path)[0].is_written()


def test_without_a_lock_the_clock_decides(tmp_path, make):
    make("new", 1)
    make("old", 2, age=3600)
    make("ended", 3, facts={"ended": "finished"})
    assert [run.is_written() for run in find_runs(tmp_path)] == [True, False, False]


def test_wandb_s_own_mark_says_what_was_sent(tmp_path, make):
    folder = make()
    assert not find_runs(tmp_path)[0].is_sent
    (folder / "run-model-1.wandb.synced").touch()
    assert find_runs(tmp_path)[0].is_sent


def test_a_word_fits_id_name_study_stage_project_tag_or_folder(tmp_path, make):
    make(facts={"name": "tiny-ws2-s0", "group": "demo", "job_type": "train", "project": "p", "tags": ["alpha"]})
    (run,) = find_runs(tmp_path)
    for word in ("model-*", "tiny-*", "demo", "train", "p", "alpha", "offline-run-20261123*"):
        assert run.fits([word])
        assert run.fits(["nothing", word])
    assert run.fits([])
    assert not run.fits(["demo2", "tin"])


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_facts_that_cannot_be_read_are_none(tmp_path, make, content):
    folder = make()
    (folder / FACTS).write_text(content)
    assert read_facts(folder) == {}
    assert find_runs(tmp_path)[0].name == "model-1"
