"""The pool of processes: room, GPUs, ends, stops."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from wrank.errors import WrankError
from wrank.launch import local
from wrank.launch.follow import follow, log_tail
from wrank.launch.local import Local, visible_gpus
from wrank.launch.plan import Needs
from wrank.launch.record import read_record
from wrank.launch.state import job_states


def seen(planned):
    return json.loads((Path(planned.job.folder) / "seen.json").read_text())


def wait_for(happened):
    until = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def ended(backend, record, tell=lambda state: None):
    states = follow(record, backend, tell, pause=0.02)
    assert not backend._running, "a process is left"
    return states


def test_jobs_run_as_commands_with_their_sweep_in_the_environment(fake_jobs, plan):
    record, planned, commands = plan("finish", "finish")
    backend = Local(jobs_at_once=2)
    assert backend.start(planned, commands, Path(record.folder)) == {}
    assert [state.state for state in ended(backend, record)] == ["finished", "finished"]
    one = seen(planned[1])
    assert one["words"] == ["do=finish", f"hydra.run.dir={planned[1].job.folder}"]
    assert one["environment"]["WRANK_SWEEP"] == record.folder
    assert one["environment"]["WRANK_JOB_KEY"] == "1"
    assert one["environment"]["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS", "4")


def test_each_end_is_told_once_and_one_failure_stops_nobody(fake_jobs, plan):
    record, planned, commands = plan("fail", "crash", "kill", "refuse", "silent", "finish")
    backend, told = Local(jobs_at_once=2), []
    backend.start(planned, commands, Path(record.folder))
    states = ended(backend, record, told.append)
    assert sorted(state.job.number for state in told) == [0, 1, 2, 3, 4, 5]
    assert [state.state for state in states] == ["failed", "failed", "lost", "failed", "failed", "finished"]
    assert [state.failed for state in states] == [
        "out of luck",
        "it ended with exit code 3",
        "killed by SIGKILL: out of memory, or by hand",
        "edited meanwhile",
        "it ended with exit code 0",
        "",
    ]
    assert log_tail(states[2].job) == ["the log of kill"]
    assert [state.state for state in job_states(record, None, watched=False)] == [state.state for state in states]


def test_no_more_run_at_once_than_told(fake_jobs, plan):
    record, planned, commands = plan(*["sleep"] * 3)
    backend = Local(jobs_at_once=2)
    backend.start(planned, commands, Path(record.folder))
    wait_for(lambda: all((Path(one.job.folder) / "seen.json").exists() for one in planned[:2]))
    backend.tend()
    assert not Path(planned[2].job.folder).exists()
    (Path(planned[0].job.folder) / "go").touch()
    wait_for(lambda: backend.tend() or Path(planned[2].job.folder).exists())
    backend.cancel()


def test_job_that_still_imports_is_known_by_its_process(fake_jobs, plan, monkeypatch):
    monkeypatch.setattr(local, "WRANK", ("sh", "-c", "sleep 60; true", "sh"))
    record, planned, commands = plan("sleep")
    backend = Local(jobs_at_once=1)
    backend.start(planned, commands, Path(record.folder))
    (state,) = job_states(record, None, watched=False)
    assert (state.state, state.record.pid) == ("queued", backend._running[0].process.pid)
    os.kill(state.record.pid, signal.SIGKILL)
    backend._running[0].process.wait()
    (state,) = job_states(record, None, watched=False)
    assert state.state == "lost"


def test_jobs_outlive_the_command_that_waits_and_are_stopped_by_cancel(fake_jobs, plan):
    record, planned, commands = plan("sleep", "sleep", "finish")
    backend = Local(jobs_at_once=2)
    backend.start(planned, commands, Path(record.folder))
    wait_for(lambda: all(read_record(Path(one.job.folder)).state == "running" for one in planned[:2]))
    assert seen(planned[0])["session"] not in (os.getsid(0), seen(planned[1])["session"]), "Ctrl-C would reach it"
    backend.cancel()
    states = job_states(record, None, watched=False)
    assert [state.state for state in states] == ["preempted", "preempted", "lost"]
    assert states[2].failed == "it was never started"
    record.cancelled = 1.0
    assert {state.state for state in job_states(record, None, watched=False)} == {"cancelled"}


def test_job_that_can_write_nothing_ends_the_waiting_all_the_same(fake_jobs, plan, monkeypatch):
    monkeypatch.setattr(local.JobRecord, "write", lambda *_: (_ for _ in ()).throw(WrankError("full disk")))
    record, planned, commands = plan("silent", "crash")
    backend = Local(jobs_at_once=2)
    backend.start(planned, commands, Path(record.folder))
    states = ended(backend, record)
    assert (states[0].state, states[1].state) == ("finished", "lost")
    assert states[1].failed == "it ended with exit code 3 and wrote nothing of it"


def in_the_way_of_the_log(job):
    (Path(job.folder) / local.LOG).mkdir(parents=True)


def in_the_way_of_the_folder(job):
    Path(job.folder).parent.mkdir(parents=True, exist_ok=True)
    Path(job.folder).write_text("a file")


def no_process_left(monkeypatch, number):
    start = local.subprocess.Popen

    def refuse(words, **named):
        if any(word.endswith(f"/{number}") for word in words):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return start(words, **named)

    monkeypatch.setattr(local.subprocess, "Popen", refuse)


@pytest.mark.parametrize("what", ["log", "process"])
def test_job_that_cannot_be_started_is_failed_and_the_others_go_on(what, fake_jobs, plan, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    record, planned, commands = plan("finish", "finish", "finish", needs=Needs(gpus=1))
    if what == "log":
        in_the_way_of_the_log(planned[1].job)
    else:
        no_process_left(monkeypatch, 1)
    backend = Local()
    backend.start(planned, commands, Path(record.folder))
    wait_for(lambda: backend.tend() or len(backend.ended()) == 3)
    states = ended(backend, record)
    assert [state.state for state in states] == ["finished", "failed", "finished"]
    assert states[1].failed.startswith("it could not be started: ")
    result = json.loads((Path(planned[1].job.folder) / "result.json").read_text())
    assert result == {"overrides": ["do=finish"], "failed": states[1].failed}
    assert backend._free == ["0"], "its GPU was not given back"
    assert [state.state for state in job_states(record, None, watched=False)] == [state.state for state in states]


def test_job_whose_folder_cannot_be_made_is_told_and_the_others_go_on(fake_jobs, plan, capsys):
    record, planned, commands = plan("finish", "finish")
    in_the_way_of_the_folder(planned[0].job)
    backend = Local(jobs_at_once=1)
    backend.start(planned, commands, Path(record.folder))
    states = ended(backend, record)
    assert [state.state for state in states] == ["lost", "finished"]
    assert "do=finish: it could not be started: " in capsys.readouterr().err


@pytest.mark.parametrize("devices", [1, 2])
def test_each_job_has_gpus_of_its_own(devices, fake_jobs, plan, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    record, planned, commands = plan(*["sleep"] * 4, needs=Needs(devices=devices, gpus=devices))
    backend = Local()
    backend.check(planned)
    backend.start(planned, commands, Path(record.folder))
    places = 3 // devices
    wait_for(lambda: all((Path(one.job.folder) / "seen.json").exists() for one in planned[:places]))
    given = [seen(one)["environment"]["CUDA_VISIBLE_DEVICES"] for one in planned[:places]]
    assert given == {1: ["0", "1", "2"], 2: ["0,1"]}[devices]
    assert not Path(planned[places].job.folder).exists()
    (Path(planned[0].job.folder) / "go").touch()
    freed = Path(planned[places].job.folder) / "seen.json"
    wait_for(lambda: backend.tend() or freed.exists())
    given = json.loads(freed.read_text())["environment"]["CUDA_VISIBLE_DEVICES"]
    assert given == {1: "0", 2: "2,0"}[devices], "the GPUs that became free"
    backend.cancel()


def test_jobs_on_a_processor_share_its_cores(fake_jobs, plan, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    record, planned, commands = plan(*["sleep"] * 4)
    backend = Local(cores=3)
    backend.start(planned, commands, Path(record.folder))
    assert len(backend._running) == 2
    wait_for(lambda: (Path(planned[0].job.folder) / "seen.json").exists())
    assert seen(planned[0])["environment"]["OMP_NUM_THREADS"] == "3"
    backend.cancel()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("0,1,2", ["0", "1", "2"]), (" 3 , 1", ["3", "1"]), ("", []), ("-1", []), ("GPU-8f,MIG-1", ["GPU-8f", "MIG-1"])],
)
def test_visible_gpus_are_those_of_the_environment(given, wanted, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == wanted


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Needs(gpus=4, devices=4), "do=sleep: wants 4 GPUs, and this machine shows 3"),
        (Needs(nodes=2), "starts one process a job, and this one wants 2 from a launcher"),
        (Needs(nodes=2, tasks=2), "wants 4 from a launcher: use hydra/launcher=slurm"),
    ],
)
def test_what_cannot_run_here_is_refused_before_anything_starts(needs, said, plan, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    _, planned, _ = plan("sleep", needs=needs)
    with pytest.raises(WrankError, match=said):
        Local().check(planned)


@pytest.mark.parametrize("keys", [{"jobs_at_once": 0}, {"cores": 0}])
def test_numbers_out_of_range_are_refused(keys):
    with pytest.raises(WrankError, match=rf"hydra.launcher.{next(iter(keys))}=0: wanted 1 or more"):
        Local(**keys)
