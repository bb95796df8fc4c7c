"""What a job writes of itself, and how others read it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from wrank.launch.record import (
    FAILED,
    FINISHED,
    JOB,
    LOST,
    QUEUED,
    RESULT,
    RUNNING,
    JobRecord,
    folder_lock,
    is_alive,
    is_held,
    note_end,
    read_facts,
    read_record,
    slurm_id,
)

RECORD = JobRecord("run", ("loss=kl", "name='a b'"), "k" * 64)


def test_record_is_read_as_it_was_written(tmp_path):
    begun = RECORD.begun()
    assert (begun.state, begun.pid, begun.starts) == (RUNNING, os.getpid(), 1)
    begun.write(tmp_path)
    assert read_record(tmp_path) == begun


def test_second_start_is_counted_and_forgets_the_first_ones_end():
    again = RECORD.begun().over(FAILED, "out of memory").begun()
    assert (again.starts, again.ended, again.failed, again.state) == (2, 0.0, "", RUNNING)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"verb": "run", "overr',
        "[]",
        "null",
        '"run"',
        "{}",
        '{"verb": "run"}',
        '{"verb": 1, "overrides": []}',
        '{"verb": "run", "overrides": null}',
        "\udcff",
    ],
)
def test_record_cut_off_in_the_middle_is_none_at_all(text, tmp_path):
    (tmp_path / JOB).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_record(tmp_path) is None


def test_fields_of_the_wrong_type_or_of_a_newer_wrank_are_left_out(tmp_path):
    facts = {"verb": "run", "overrides": ["a"], "pid": "12", "started": None, "state": 3, "colour": "red", "host": "h"}
    (tmp_path / JOB).write_text(json.dumps(facts))
    assert read_record(tmp_path) == JobRecord("run", ("a",), host="h")


def test_folder_is_held_while_its_lock_is_and_by_nobody_who_asks(tmp_path):
    assert not is_held(tmp_path)
    assert not list(tmp_path.iterdir()), "asking has made a file"
    lock = folder_lock(tmp_path)
    with lock:
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with (tmp_path / ".lock").open("rb") as another:  # who asks at the same moment
        import fcntl

        fcntl.flock(another, fcntl.LOCK_SH)
        assert not is_held(tmp_path)


def test_lock_ends_with_its_process_even_when_that_is_killed(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom wrank.launch.record import folder_lock\n"
        "lock = folder_lock(Path(sys.argv[1]))\nlock.acquire()\nprint(1, flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    with process:
        process.stdout.readline()
        assert is_held(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not is_held(tmp_path)


def test_process_with_the_number_of_one_that_is_gone_is_not_taken_for_it(tmp_path):
    words = [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)]
    with subprocess.Popen(words) as process:
        record = JobRecord("run", (), host=os.uname().nodename, pid=process.pid)
        until = time.monotonic() + 10
        while not is_alive(record, tmp_path) and time.monotonic() < until:
            time.sleep(0.01)  # it is still this process, until it has become the other
        assert is_alive(record, tmp_path)
        assert not is_alive(record, tmp_path / "another")
        assert not is_alive(JobRecord("run", (), host="elsewhere", pid=process.pid), tmp_path)
        process.kill()
        process.wait()
        assert not is_alive(record, tmp_path)


@pytest.mark.parametrize(
    ("code", "state", "said"),
    [
        (-9, LOST, "killed by SIGKILL: out of memory, or by hand"),
        (-15, LOST, "killed by SIGTERM"),
        (-99, LOST, "killed by signal 99"),
        (2, FAILED, "it ended with exit code 2"),
    ],
)
def test_end_that_the_job_could_not_tell_is_told_by_its_exit_code(code, state, said, tmp_path):
    RECORD.begun().write(tmp_path)
    note_end(tmp_path, code)
    record = read_record(tmp_path)
    assert (record.state, record.failed) == (state, said)
    assert record.ended > 0


def test_end_that_the_job_told_itself_stays(tmp_path):
    done = RECORD.begun().over(FINISHED)
    done.write(tmp_path)
    note_end(tmp_path, -9)
    assert read_record(tmp_path) == done


def test_failure_before_the_first_record_is_the_one_in_its_result(tmp_path):
    JobRecord("run", (), state=QUEUED, pid=1).write(tmp_path)
    (tmp_path / RESULT).write_text('{"overrides": [], "failed": "the configuration was edited"}')
    note_end(tmp_path, 2)
    assert read_record(tmp_path).failed == "the configuration was edited"


def test_end_on_a_full_disk_is_no_error(tmp_path):
    RECORD.begun().write(tmp_path)
    tmp_path.chmod(0o500)
    try:
        note_end(tmp_path, -9)
    finally:
        tmp_path.chmod(0o700)


def test_facts_that_are_no_object_are_empty(tmp_path):
    (tmp_path / "a").write_text("[1]")
    assert read_facts(tmp_path / "a") == read_facts(tmp_path / "b") == read_facts(tmp_path) == {}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ""),
        ({"SLURM_JOB_ID": "12"}, "12"),
        ({"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "1"}, "12_1"),
    ],
)
def test_slurm_id_is_the_arrays_where_there_is_one(given, wanted, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert slurm_id() == wanted
