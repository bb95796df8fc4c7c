"""A run counts as sent only when it was; what failed is told and stays to be tried again."""

import os
import sys
import time

import pytest
from filelock import FileLock

from wrank.errors import WrankError
from wrank.tracking.wandb_folder import LOCK, find_runs, write_facts
from wrank.tracking.wandb_sync import Sending, State, due, send

STAND_IN = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[2])
calls = Path({calls!r})
with calls.open("a") as file:
    file.write(" ".join([sys.argv[1], folder.name, *sorted(k for k in os.environ if k.startswith("WANDB"))]) + "\\n")
plan = (folder / "plan.txt").read_text() if (folder / "plan.txt").exists() else "well"
mark = next(folder.glob("*.wandb"))
mark = mark.with_name(mark.name + ".synced")
print("wandb: Syncing 1 run(s):")
if plan == "hangs":
    time.sleep(60)
if plan == "dies":
    sys.exit("Traceback: no such thing")
if plan == "says":
    print("wandb: ERROR [p/x] Fatal error for https://bob:pw@host")
if plan == "logs":
    log = Path(os.environ["WANDB_DIR"]) / "wandb" / "logs" / "debug-sync.1.log"
    log.parent.mkdir(parents=True)
    lines = ['{{"level":"ERROR","msg":"api: HTTP error"}}', '{{"level":"ERROR","msg":"artifact:","error":"refused"}}']
    log.write_text("\\n".join(lines) + "\\n")
if plan != "silent":
    mark.touch()
if plan == "retries":
    log = Path(os.environ["WANDB_DIR"]) / "wandb" / "logs" / "debug-sync.1.log"
    log.parent.mkdir(parents=True)
    log.write_text('{{"level":"ERROR","msg":"api: HTTP error"}}\\n{{"level":"WARN","msg":"again"}}\\n')
print("wandb: Finished syncing")
"""


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    """A program in the place of W&B's: what it does with a run stands in the run's folder."""

    class Program:
        calls = tmp_path / "calls.txt"
        sending = Sending(command=f"{sys.executable} {tmp_path / 'wandb.py'}", timeout=30)

        def run(self, id="a", second=0, plan="well"):
            folder = tmp_path / f"offline-run-20261123_1200{second:02d}-{id}"
            folder.mkdir()
            (folder / f"run-{id}.wandb").write_bytes(b"x")
            os.utime(folder / f"run-{id}.wandb", (time.time() - 1e6,) * 2)
            (folder / "plan.txt").write_text(plan)
            write_facts(folder, {"name": f"name-{id}", "ended": "finished"})
            return folder

        def send(self, **named):
            sending = Sending(**{**vars(self.sending), **named})
            return [(one.run.path.name[12:], one.state, one.reason) for one in send(find_runs(tmp_path), sending)]

        @property
        def called(self):
            return [line.split()[1][12:] for line in self.calls.read_text().splitlines()] if self.calls.exists() else []

    (tmp_path / "wandb.py").write_text(STAND_IN.format(calls=str(Program.calls)))
    for name in ("WANDB_MODE", "WANDB_RUN_ID", "WANDB_DIR"):
        monkeypatch.setenv(name, "offline" if name == "WANDB_MODE" else "x")
    return Program()


def test_a_run_is_sent_once(wandb):
    wandb.run("a")
    assert wandb.send() == [("20261123_120000-a", State.SENT, "")]
    assert wandb.send() == []
    assert wandb.called == ["20261123_120000-a"]


def test_wandb_is_not_told_to_be_offline_nor_which_run_this_process_has(wandb):
    wandb.run("a")
    wandb.send()
    said = wandb.calls.read_text()
    assert "WANDB_MODE" not in said
    assert "WANDB_RUN_ID" not in said
    assert "WANDB_DIR" in said  # a folder of its own


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("dies", "no such thing"),
        ("says", "Fatal error for https://***@host"),
        ("logs", "artifact: refused"),
        ("silent", "Finished syncing"),
    ],
)
def test_what_was_not_taken_is_told_and_tried_again_next_time(wandb, plan, reason):
    folder = wandb.run("a", plan=plan)
    ((name, state, told),) = wandb.send()
    assert (name, state) == ("20261123_120000-a", State.FAILED)
    assert reason in told
    assert not list(folder.glob("*.synced"))
    (folder / "plan.txt").write_text("well")
    assert wandb.send() == [("20261123_120000-a", State.SENT, "")]


def test_an_attempt_that_went_well_later_is_no_failure(wandb):
    wandb.run("a", plan="retries")
    assert wandb.send() == [("20261123_120000-a", State.SENT, "")]


def test_figures_alone_count_where_that_is_asked_for(wandb):
    folder = wandb.run("a", plan="logs")
    assert wandb.send(partial=True) == [("20261123_120000-a", State.SENT, "its figures only: artifact: refused")]
    assert list(folder.glob("*.synced"))


def test_a_server_that_does_not_answer_costs_the_time_out_and_no_more(wandb):
    wandb.run("a", plan="hangs")
    began = time.monotonic()
    ((_, state, told),) = wandb.send(timeout=1)
    assert state == State.FAILED
    assert told == "no answer in 1 s"
    assert time.monotonic() - began < 20


def test_tries_of_one_run_are_sent_in_order_and_later_ones_wait_for_a_failed_one(wandb):
    first = wandb.run("a", 1, plan="dies")
    wandb.run("a", 5)
    wandb.run("b", 3)
    states = {name: state for name, state, _ in wandb.send()}
    assert states == {
        "20261123_120001-a": State.FAILED,
        "20261123_120003-b": State.SENT,
        "20261123_120005-a": State.WAITS,
    }
    (first / "plan.txt").write_text("well")
    assert [name for name, *_ in wandb.send()] == ["20261123_120001-a", "20261123_120005-a"]


def test_what_is_being_written_is_left_alone_and_told(wandb):
    folder = wandb.run("a", 2)
    wandb.run("a", 1)
    with FileLock(folder / LOCK):
        assert [(name, state) for name, state, _ in wandb.send()] == [
            ("20261123_120001-a", State.SENT),
            ("20261123_120002-a", State.WRITTEN),
        ]
    assert wandb.called == ["20261123_120001-a"]
    assert wandb.send() == [("20261123_120002-a", State.SENT, "")]


def test_a_connection_that_is_down_is_not_waited_for_a_hundred_times(wandb):
    for number in range(6):
        wandb.run(f"r{number}", number, plan="dies")
    states = [state for _, state, _ in wandb.send()]
    assert states == [State.FAILED] * 3 + [State.WAITS] * 3
    assert len(wandb.called) == 3


def test_what_is_due_is_told_without_sending(wandb, tmp_path):
    wandb.run("a")
    assert [one.state for one in due(find_runs(tmp_path))] == [State.DUE]
    assert wandb.called == []


def test_a_program_that_is_not_there_is_told(wandb):
    wandb.run("a")
    with pytest.raises(WrankError, match="pip install wandb"):
        wandb.send(command="/no/such/wandb")


@pytest.mark.parametrize("timeout", [0, -1, "x", True])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(WrankError, match="timeout"):
        Sending(timeout=timeout)
