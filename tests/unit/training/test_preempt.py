"""A signal in the course of a training: a checkpoint, then the handler that was there, or the end; nothing is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import pytorch_lightning as pl

from tests.unit.training.test_fit import constant, same, tiny, training, weights
from wrank.errors import Stopped
from wrank.training.callback.resume import ResumeCheckpoint
from wrank.training.checkpoint import saved_step
from wrank.training.fit import CHECKPOINT, fit
from wrank.training.signals import SIGNALS


class SignalAt(pl.Callback):
    """Sends this process signals in the course of a batch."""

    def __init__(self, batch, *signals):
        self.batch, self.signals = batch, signals or (signal.SIGTERM,)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch:
            for number in self.signals:
                os.kill(os.getpid(), number)


class SignalFirst(pl.Callback):
    def on_train_start(self, trainer, pl_module):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def handler():
    """Puts a handler in the place of a signal's own, as submitit does, until the test is over."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield signal.signal
    for number, old in before.items():
        signal.signal(number, old)


def losses(folder):
    head, *rows = (folder / "metrics.csv").read_text().strip().split("\n")
    names = head.split(",")
    step, loss = names.index("step"), names.index("train/loss")
    return [(row.split(",")[step], row.split(",")[loss]) for row in rows if row.split(",")[loss]]


@pytest.fixture
def folders(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    return whole, broken


@pytest.mark.parametrize(
    ("accumulate", "batch", "step"), [(1, 0, 1), (1, 2, 3), (1, 3, 4), (3, 2, 1), (3, 3, 1), (3, 7, 2), (3, 13, 4)]
)
def test_a_stopped_training_ends_with_the_losses_and_weights_of_an_unbroken_one(
    accumulate, batch, step, collection, folders
):
    """Dropout is on; the signal comes also in the middle of an accumulation, whose gradients are in no checkpoint."""
    whole, broken = folders
    changes = {"accumulate": accumulate, "dev_steps": 2, "checkpoint_steps": 100}
    fit(training(collection, tiny(), dev=constant, **changes), whole)
    with pytest.raises(Stopped, match=f"SIGTERM after optimizer step {step} of 6; the same command goes on"):
        fit(training(collection, tiny(), dev=constant, callbacks=[SignalAt(batch)], **changes), broken)
    assert saved_step(broken / CHECKPOINT) == step
    assert fit(training(collection, tiny(), dev=constant, **changes), broken)["resumed_at"] == step
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)
    assert (whole / "dev.json").read_text() == (broken / "dev.json").read_text()


def test_stopped_again_and_again_in_the_middle_of_accumulations_it_still_ends_the_same(collection, folders):
    whole, broken = folders
    changes = {"accumulate": 3, "checkpoint_steps": 100}
    fit(training(collection, tiny(), **changes), whole)
    for batch, step in ((1, 0), (4, 1), (3, 1), (10, 3), (10, 3), (11, 4)):
        with pytest.raises(Stopped):
            fit(training(collection, tiny(), callbacks=[SignalAt(batch)], **changes), broken)
        assert saved_step(broken / CHECKPOINT) == step
    fit(training(collection, tiny(), **changes), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)


def test_a_signal_before_the_first_batch_ends_it_there(collection, folders):
    whole, broken = folders
    fit(training(collection, tiny(), dev=constant), whole)
    for batch in (None, 3, None):
        callback = SignalFirst() if batch is None else SignalAt(batch)
        with pytest.raises(Stopped) as stopped:
            fit(training(collection, tiny(), dev=constant, callbacks=[callback]), broken)
        first = batch is None and not (broken / CHECKPOINT).exists()
        assert ("before the first optimizer step" in str(stopped.value)) == first
    assert fit(training(collection, tiny(), dev=constant), broken)["resumed_at"] == 4
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)
    assert (whole / "dev.json").read_text() == (broken / "dev.json").read_text()


def test_a_signal_in_the_last_batch_lets_the_training_end_and_is_answered_then(collection, folders, monkeypatch):
    whole, broken = folders
    fit(training(collection, tiny()), whole)
    monkeypatch.setattr(ResumeCheckpoint, "save_now", lambda self, trainer: pytest.fail("nothing needs to be saved"))
    with pytest.raises(Stopped, match="SIGTERM after the training was finished"):
        fit(training(collection, tiny(), callbacks=[SignalAt(5)]), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)
    assert not (broken / CHECKPOINT).exists()


def test_a_handler_that_returns_is_called_when_the_checkpoint_stands_and_the_training_goes_on(
    collection, folders, handler
):
    number = signal.SIGUSR1
    whole, broken = folders
    fit(training(collection, tiny(), checkpoint_steps=100), whole)
    calls = []
    handler(number, lambda number, frame: calls.append((number, saved_step(broken / CHECKPOINT))))
    mine = signal.getsignal(number)
    facts = fit(training(collection, tiny(), callbacks=[SignalAt(2, number)], checkpoint_steps=100), broken)
    assert calls == [(number, 3)]
    assert facts["resumed_at"] == 0
    assert signal.getsignal(number) is mine
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)


@pytest.mark.parametrize("comes", [True, False])
def test_sigterm_ends_it_whatever_its_handler_does_and_waits_for_what_comes_with_it(
    comes, collection, folders, handler, monkeypatch
):
    """On some clusters the signal to put a job back into the queue comes a moment after SIGTERM, on some never."""
    monkeypatch.setattr("wrank.training.signals._COMPANION", 30.0 if comes else 0.1)
    _, broken = folders
    calls = []

    def bypass(number, frame):
        calls.append("bypassed")

    def requeue(number, frame):
        calls.append(saved_step(broken / CHECKPOINT))
        raise SystemExit(-1)

    handler(signal.SIGTERM, bypass)
    handler(signal.SIGUSR2, requeue)
    save = ResumeCheckpoint.save_now

    def late(self, trainer):
        save(self, trainer)
        if comes:
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR2)).start()

    monkeypatch.setattr(ResumeCheckpoint, "save_now", late)
    with pytest.raises(SystemExit if comes else Stopped):
        fit(training(collection, tiny(), callbacks=[SignalAt(2)], checkpoint_steps=100), broken)
    assert calls == (["bypassed", 3] if comes else ["bypassed"])
    assert saved_step(broken / CHECKPOINT) == 3


def test_a_handler_that_ends_the_process_ends_it_with_its_own_exit_code(collection, folders, handler):
    """As submitit's of SIGUSR2, after it has put the job back into the queue; that of SIGTERM does nothing."""
    whole, broken = folders
    calls = []

    def requeue(number, frame):
        calls.append(saved_step(broken / CHECKPOINT))
        raise SystemExit(-1)

    handler(signal.SIGTERM, lambda number, frame: calls.append("bypassed"))
    handler(signal.SIGUSR2, requeue)
    fit(training(collection, tiny(), checkpoint_steps=100), whole)
    both = SignalAt(2, signal.SIGUSR2, signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        fit(training(collection, tiny(), callbacks=[both], checkpoint_steps=100), broken)
    assert ended.value.code == -1
    assert calls == ["bypassed", 3]
    fit(training(collection, tiny(), checkpoint_steps=100), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)


def test_a_second_signal_while_the_checkpoint_is_written_harms_nothing(collection, folders, monkeypatch):
    whole, broken = folders
    fit(training(collection, tiny(), checkpoint_steps=100), whole)
    save = ResumeCheckpoint.save_now

    def disturbed(self, trainer):
        os.kill(os.getpid(), signal.SIGTERM)
        save(self, trainer)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ResumeCheckpoint, "save_now", disturbed)
    with pytest.raises(Stopped):
        fit(training(collection, tiny(), callbacks=[SignalAt(2)], checkpoint_steps=100), broken)
    assert saved_step(broken / CHECKPOINT) == 3
    fit(training(collection, tiny(), checkpoint_steps=100), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))


@pytest.mark.parametrize("number", SIGNALS)
def test_handlers_are_those_from_before_when_the_training_is_over(number, collection, tmp_path):
    before = [signal.getsignal(each) for each in (*SIGNALS, signal.SIGURG)]
    with pytest.raises(Stopped, match=number.name):
        fit(training(collection, tiny(), callbacks=[SignalAt(2, number)]), tmp_path)
    assert [signal.getsignal(each) for each in (*SIGNALS, signal.SIGURG)] == before


def test_a_signal_that_is_ignored_stays_so(collection, tmp_path, handler):
    handler(signal.SIGUSR1, signal.SIG_IGN)
    assert fit(training(collection, tiny(), callbacks=[SignalAt(2, signal.SIGUSR1)]), tmp_path)["steps"] == 6
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


def test_a_training_that_fails_says_so_though_a_signal_came(collection, tmp_path):
    class Fails(pl.Callback):
        def on_train_batch_end(self, *words):
            os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError("its own error")

    with pytest.raises(ValueError, match="its own error"):
        fit(training(collection, tiny(), callbacks=[Fails()]), tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_data_workers_outlive_a_signal_to_all_processes(number, collection, folders):
    """As Slurm sends it; torch ends a training whose worker was killed."""

    class ToAll(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx == 3:
                lists = Path(f"/proc/{os.getpid()}/task").glob("*/children")
                children = {pid for path in lists for pid in path.read_text().split()}
                assert len(children) >= 2
                # from another process: a parent may end its workers
                subprocess.run(["kill", f"-{int(number)}", *children, str(os.getpid())], check=True)

    whole, broken = folders
    fit(training(collection, tiny(), workers=2), whole)
    with pytest.raises(Stopped, match=number.name):
        fit(training(collection, tiny(), workers=2, callbacks=[ToAll()]), broken)
    fit(training(collection, tiny(), workers=2), broken)
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert losses(whole) == losses(broken)


def test_data_workers_can_be_ended_by_the_training(collection, tmp_path):
    """Otherwise one that hangs would keep the training's process from its end."""

    class EndsWorkers(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
                for pid in path.read_text().split():
                    os.kill(int(pid), signal.SIGTERM)
            time.sleep(10)  # torch tells of a worker's end at once

    with pytest.raises(RuntimeError, match="DataLoader worker"):
        fit(training(collection, tiny(), workers=2, callbacks=[EndsWorkers()]), tmp_path)


def test_a_process_that_outlives_signals_ends_with_its_parents_sigterm():
    code = "import time; from wrank.training.signals import outlive; outlive(); print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "up\n"
        for number in SIGNALS:
            subprocess.run(["kill", f"-{int(number)}", str(process.pid)], check=True)
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
