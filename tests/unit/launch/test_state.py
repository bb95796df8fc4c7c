"""What is true of a job, from its record, its lock and the scheduler."""

import json
import socket
import subprocess
import sys

import pytest

from wrank.launch.record import RESULT, JobRecord, folder_lock
from wrank.launch.state import JobState, job_states
from wrank.launch.sweep import SweepJob, SweepRecord
from wrank.progress import PROGRESS

PROGRESSED = {"label": "training", "done": 30, "total": 50, "unit": "steps", "began": 100.0, "before": 10, "at": 120.0}


def state_of(folder, backend="local", slurm="", scheduler=None, watched=False, found=False, cancelled=0.0):
    job = SweepJob(0, ("loss=kl",), "key", str(folder), found, slurm)
    sweep = SweepRecord("n", "run", (), "/", str(folder.parent), backend, [job], cancelled=cancelled)
    (state,) = job_states(sweep, scheduler, watched)
    return state


def record(folder, state, **named):
    JobRecord("run", ("loss=kl",), "key", state, **{"host": "far", "pid": 7} | named).write(folder)


def test_job_at_work_is_one_whose_lock_is_held(tmp_path):
    record(tmp_path, "running")
    (tmp_path / PROGRESS).write_text(json.dumps(PROGRESSED))
    with folder_lock(tmp_path):
        state = state_of(tmp_path)
        assert (state.state, state.is_open, state.progress["done"]) == ("running", True, 30)
    state = state_of(tmp_path)
    assert (state.state, state.is_open, dict(state.progress)) == ("lost", False, {})
    assert state.failed == "process 7 on far is gone without a word: killed, out of memory, or its machine is down"


@pytest.mark.parametrize(
    ("written", "known", "wanted"),
    [
        ("finished", "", "finished"),
        ("failed", "", "failed"),
        ("preempted", "", "preempted"),
        ("preempted", "PENDING", "queued"),
        ("cancelled", "", "cancelled"),
        ("running", "", "lost"),
        ("running", "PENDING", "queued"),
        ("running", "RUNNING", "running"),
        ("running", "COMPLETING", "running"),
        ("lost", "", "lost"),
        (None, "PENDING", "queued"),
        (None, "CONFIGURING", "queued"),
        (None, "", "lost"),
    ],
)
def test_states_of_a_slurm_job(written, known, wanted, tmp_path):
    if written:
        record(tmp_path, written, failed="why")
    scheduler = {"12_0": known} if known else {"12_1": "RUNNING"}
    assert state_of(tmp_path, "slurm", "12_0", scheduler).state == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (None, "queued"),
        ("preempted", "queued"),
        ("running", "queued"),
        ("finished", "finished"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_slurm_that_does_not_answer_leaves_a_job_in_its_hands(written, wanted, tmp_path):
    """Back in the queue after a preemption it would be started a second time, if it was told as ended."""
    if written:
        record(tmp_path, written, failed="why")
    assert state_of(tmp_path, "slurm", "12_0", None).state == wanted


def test_why_a_job_waits_is_told(tmp_path):
    state = state_of(tmp_path, "slurm", "12_0", {"12_0": "PENDING PartitionConfig"})
    assert (state.state, state.failed) == ("queued", "PartitionConfig")


def test_job_without_a_record_waits_while_somebody_will_start_it(tmp_path):
    assert state_of(tmp_path, watched=True).state == "queued"
    state = state_of(tmp_path)
    assert (state.state, state.failed) == ("lost", "it was never started")
    assert state_of(tmp_path, cancelled=1.0).state == "cancelled"


def test_job_that_failed_before_its_record_is_failed_though_somebody_waits(tmp_path):
    (tmp_path / RESULT).write_text('{"overrides": [], "failed": "edited meanwhile"}')
    state = state_of(tmp_path, watched=True)
    assert (state.state, state.failed) == ("failed", "edited meanwhile")
    (tmp_path / RESULT).write_text('{"overrides": [], "failed": "cancelled", "state": "cancelled"}')
    assert state_of(tmp_path).state == "cancelled"


def test_process_that_still_imports_is_no_lost_job(tmp_path):
    words = [sys.executable, "-c", "input()", f"hydra.run.dir={tmp_path}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        record(tmp_path, "queued", host=socket.gethostname(), pid=process.pid)
        assert state_of(tmp_path).state == "queued"
        process.communicate(b"\n")
    assert state_of(tmp_path).state == "lost"


def test_process_of_another_job_with_the_same_number_keeps_none_alive(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()", "elsewhere"], stdin=subprocess.PIPE) as process:
        record(tmp_path, "queued", host=socket.gethostname(), pid=process.pid)
        assert state_of(tmp_path).state == "lost"
        process.communicate(b"\n")


def test_cut_off_result_and_record_are_no_tracebacks(tmp_path):
    (tmp_path / RESULT).write_text('{"failed')
    (tmp_path / "job.json").write_text('{"verb": "run", "ov')
    (tmp_path / PROGRESS).write_text('{"label"')
    assert state_of(tmp_path).state == "lost"
    with folder_lock(tmp_path):
        assert state_of(tmp_path, watched=True).state == "queued"


def test_found_job_is_finished_whatever_stands_in_its_folder(tmp_path):
    record(tmp_path, "failed")
    assert state_of(tmp_path, found=True).state == "finished"


def test_folder_that_is_gone_is_no_traceback(tmp_path):
    assert state_of(tmp_path / "no" / "such").state == "lost"


@pytest.mark.parametrize(
    ("now", "change", "wanted"),
    [
        (120.0, {}, 20.0),
        (125.0, {}, 15.0),
        (1e6, {}, 0.0),
        (-1e6, {}, 20.0),
        (120.0, {"done": 10}, None),
        (120.0, {"at": 100.0}, None),
        (120.0, {"began": 130.0}, None),
        (120.0, {"done": 50}, 0.0),
    ],
)
def test_time_left_goes_by_the_speed_of_this_try_and_bears_a_clock_that_jumped(now, change, wanted):
    state = JobState(None, "running", None, PROGRESSED | change)
    assert state.seconds_left(now) == wanted
    assert JobState(None, "finished", None, PROGRESSED).seconds_left(now) is None
    assert JobState(None, "running", None, {}).seconds_left(now) is None
