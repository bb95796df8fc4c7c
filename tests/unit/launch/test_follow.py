"""Waiting for jobs."""

import os
import signal
import time
from pathlib import Path

import pytest

from wrank.errors import Stopped
from wrank.launch.base import Backend
from wrank.launch.follow import follow, log_tail, stoppable
from wrank.launch.record import JobRecord
from wrank.launch.slurm import LOGS
from wrank.launch.sweep import SweepJob, SweepRecord


class Script(Backend):
    """Does the next thing of a list at each look."""

    patience = 3

    def __init__(self, *things, scheduler=None):
        self.things, self.queue, self.looks = list(things), scheduler, 0

    def tend(self):
        self.looks += 1
        if self.things and (thing := self.things.pop(0)):
            thing()

    def scheduler(self, record):
        return self.queue


def sweep(tmp_path, count=1, backend="local", slurm="", found=False):
    jobs = [SweepJob(number, ("a=b",), "k", str(tmp_path / str(number)), found, slurm) for number in range(count)]
    for job in jobs:
        Path(job.folder).mkdir()
    return SweepRecord("n", "run", (), "/", str(tmp_path), backend, jobs)


def writes(tmp_path, state, number=0):
    return lambda: JobRecord("run", (), state=state, failed="why").write(tmp_path / str(number))


def test_each_end_is_told_when_it_comes(tmp_path):
    told = []
    backend = Script(
        None, writes(tmp_path, "failed", 1), lambda: told.append("between"), writes(tmp_path, "finished", 0)
    )
    states = follow(sweep(tmp_path, 2), backend, lambda state: told.append((state.job.number, state.state)), pause=0)
    assert told == [(1, "failed"), "between", (0, "finished")]
    assert [state.state for state in states] == ["finished", "failed"]


def test_job_that_is_gone_is_lost_after_some_looks_and_may_come_back_before(tmp_path):
    gone = writes(tmp_path, "running")
    backend = Script(gone, None, writes(tmp_path, "finished"))
    assert [state.state for state in follow(sweep(tmp_path), backend, lambda state: None, pause=0)] == ["finished"]
    (tmp_path / "0" / "job.json").unlink()
    backend, told = Script(gone), []
    record = SweepRecord("n", "run", (), "/", str(tmp_path), "local", [SweepJob(0, (), "k", str(tmp_path / "0"))])
    follow(record, backend, told.append, pause=0)
    assert (told[0].state, backend.looks) == ("lost", Script.patience)


def test_jobs_found_finished_are_not_told(tmp_path):
    told = []
    assert follow(sweep(tmp_path, 3, found=True), Script(), told.append, pause=0)
    assert told == []


def test_sweep_that_somebody_else_cancelled_is_not_called_lost(tmp_path):
    record, told = sweep(tmp_path, backend="slurm", slurm="12_0"), []
    follow(record, Script(scheduler={}), told.append, cancelled=lambda: 5.0, pause=0)
    assert [state.state for state in told] == ["cancelled"]


@pytest.mark.parametrize("by_term", [True, False])
def test_sigterm_ends_the_waiting_with_the_jobs_of_this_machine(by_term):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("outer"))

    def wait():
        with stoppable(by_term):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
            except Exception:
                heard.append("swallowed")

    try:
        if by_term:
            with pytest.raises(Stopped, match="the same command goes on"):
                wait()
        else:
            wait()
        assert heard == ([] if by_term else ["outer"])
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard[-1] == "outer", "the handler of before is back"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_stays_one():
    with pytest.raises(KeyboardInterrupt), stoppable(True):
        raise KeyboardInterrupt


def test_log_that_is_shown_is_the_newest_and_its_end(tmp_path):
    job = SweepJob(0, (), "k", str(tmp_path / "0"), slurm="12_0")
    assert log_tail(job) == []
    folder, slurm = tmp_path / "0", tmp_path / LOGS / "12_0"
    folder.mkdir()
    slurm.mkdir(parents=True)
    (folder / "out.log").write_bytes(b"first\n\n50%\r100%\n\xff broken\nlast \n")
    (folder / "run.log").write_text("")
    assert log_tail(job, 3) == ["100%", "\ufffd broken", "last"]
    (slurm / "12_0_0_log.err").write_text("killed by the kernel\n")
    os.utime(slurm / "12_0_0_log.err", (2e9, 2e9))
    assert log_tail(job) == ["killed by the kernel"]
    (folder / "out.log").write_text("x" * 10**6 + "\nend\n")
    os.utime(folder / "out.log", (3e9, 3e9))
    assert log_tail(job, 1) == ["end"]
