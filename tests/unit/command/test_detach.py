"""The command that goes on in the background."""

import os
import sys
import time

import pytest

from wrank.command import detach
from wrank.launch.sweep import SweepRecord

PROGRAM = """
import sys, time
from wrank.command import detach
from wrank.launch.sweep import SweepRecord
print("queueing", flush=True)
if sys.argv[1] == "fail":
    sys.exit(2)
detach.let_go(SweepRecord("night-run-1", "run", (), "/", sys.argv[2], "local"))
time.sleep(0.5)
print("the table", flush=True)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program in the place of wrank's command line."""
    (tmp_path / "program.py").write_text(PROGRAM)
    run = detach.subprocess.Popen
    left = []

    def start(words, **named):
        left.append(run([sys.executable, str(tmp_path / "program.py"), *words[4:]], **named))
        return left[-1]

    monkeypatch.setattr(detach.subprocess, "Popen", start)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    yield tmp_path
    for process in left:
        process.wait()


def test_caller_is_let_go_when_the_jobs_are_queued_and_the_rest_goes_to_the_log(program, capsys):
    began = time.monotonic()
    assert detach.run_detached("go", [str(program)]) == 0
    out, err = capsys.readouterr()
    assert out.split("\n")[0] == "night-run-1"
    assert "`wrank status night-run-1`" in out
    assert "queueing" in err
    log = program / detach.LOG
    while "the table" not in log.read_text():
        assert time.monotonic() < began + 20
        time.sleep(0.05)


def test_command_that_is_refused_is_heard_and_its_exit_code_kept(program, capsys):
    assert detach.run_detached("fail", [str(program)]) == 2
    assert "queueing" in capsys.readouterr().err


def test_command_in_the_foreground_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("WRANK_DETACHED", raising=False)
    assert not detach.is_detached()
    detach.let_go(SweepRecord("n", "run", (), "/", str(tmp_path), "local"))
    assert not list(tmp_path.iterdir())
