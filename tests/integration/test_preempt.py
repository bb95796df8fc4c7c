"""``wrank run`` stopped by signals and started again: in one process, with spawned ranks, with a launcher's ranks.

Signals go to every process of the job where Slurm would send them so. Dropout is on, and batches are accumulated.
"""

import csv
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.integration.conftest import SMOKE, Wrank

STEPS = 40
TRAIN = (
    *SMOKE,
    "loss=kl",
    f"trainer.max_steps={STEPS}",
    "trainer.accumulate=2",
    "trainer.batch_size=2",
    "trainer.checkpoint_steps=1000",
    "model.dropout=0.1",
)
SLOWLY = (*TRAIN, "loss._target_=tests.fixtures.slow_loss.SlowKL", "+loss.pause=0.05")
"""The same training, long enough for a signal to meet it in its middle on a busy machine."""

SPAWNED = ("trainer.devices=2", "trainer.strategy=ddp_spawn", "trainer.in_batch=global")
LAUNCHED = ("trainer.devices=2", "trainer.strategy=ddp", "trainer.in_batch=global")


class Job(Wrank):
    """A command that can be asked to stop as a scheduler does it."""

    def launch(self, *words, ranks=1):
        """Starts it with a session of its own for each rank; several ranks get torchrun's variables."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.processes = []
        for rank in range(ranks):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1"}
            given = place | {"MASTER_PORT": port} if ranks > 1 else {}
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "wrank.cli", *words],
                    cwd=self.folder,
                    env=self.environment | {name: str(value) for name, value in given.items()},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
        return self

    def signal(self, number, everyone=True):
        for process in self.processes:
            (os.killpg if everyone else os.kill)(process.pid, number)

    def ended(self):
        """Exit codes and what was said; no process may be left."""
        said = [process.communicate(timeout=120) for process in self.processes]
        for process in self.processes:
            assert not alive(process.pid), "processes of the job are left"
        return [process.returncode for process in self.processes], "\n".join(err for _, err in said)

    def rows(self):
        """Rows of figures that the training has written, in all of its tries."""
        logs = self.store.glob("model/.partial-*/log-*/metrics.csv")
        return sum(len(path.read_text().split("\n")) - 2 for path in logs)

    def train_on(self):
        """Waits until the training of now is in its middle."""
        before = self.rows()
        self.wait_for(lambda: self.rows() >= before + 5)

    def wait_for(self, happened):
        until = time.monotonic() + 120
        while not happened():
            codes = [process.poll() for process in self.processes]
            assert codes == [None] * len(codes), f"it ended too early: {self.ended()}"
            assert time.monotonic() < until
            time.sleep(0.02)


def alive(session):
    """Processes of a session that still run, a second after its first process ended."""
    found = []
    for _ in range(20):
        words = ["ps", "-o", "pid=,stat=,args=", "--sid", str(session)]
        lines = subprocess.run(words, capture_output=True, text=True).stdout.split("\n")
        found = [line for line in lines if line.strip() and " Z" not in line]
        if not found:
            break
        time.sleep(0.1)
    return found


def result(wrank):
    """Hash of the final weights, and step -> loss."""
    (model,) = wrank.artifacts("model")
    with (model / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    losses = [(int(row["step"]), row["train/loss"]) for row in rows if row["train/loss"]]
    assert len(losses) == STEPS
    return hashlib.sha256((model / "last" / "model.safetensors").read_bytes()).hexdigest(), losses


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What unbroken runs end with."""
    made = {}

    def of(*words):
        if words not in made:
            job = Job(tmp_path_factory.mktemp("whole"))
            job("train", *TRAIN, *words)
            made[words] = result(job)
        return made[words]

    return of


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR2, marks=pytest.mark.slow)])
def test_a_run_stopped_twice_goes_on_each_time_and_ends_as_an_unbroken_one(number, job, whole):
    for _ in range(2):
        job.launch("run", *SLOWLY)
        job.train_on()
        job.signal(number)
        codes, err = job.ended()
        assert codes == [143], err
        assert f"stopped by {number.name} after optimizer step" in err
        assert "the same command goes on" in err
        assert "Traceback" not in err
        assert not job.artifacts("model")
    job("run", *SLOWLY)
    assert result(job) == whole()


@pytest.mark.parametrize(
    ("number", "everyone"),
    [
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, True, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR2, True, marks=pytest.mark.slow),
    ],
)
def test_spawned_ranks_outlive_the_signal_and_write_the_checkpoint(number, everyone, job, whole):
    """A person's `kill` reaches the first process only, Slurm's every one."""
    job.launch("train", *SLOWLY, *SPAWNED)
    job.train_on()
    job.signal(number, everyone)
    codes, err = job.ended()
    assert codes == [143], err
    assert f"stopped by {number.name} after optimizer step" in err
    assert "Traceback" not in err
    job("train", *SLOWLY, *SPAWNED)
    assert result(job) == whole(*SPAWNED)


@pytest.mark.slow
def test_forked_ranks_write_the_checkpoint(job, whole):
    forked = (*SPAWNED, "trainer.strategy=ddp_fork")
    job.launch("train", *SLOWLY, *forked)
    job.train_on()
    job.signal(signal.SIGTERM)
    codes, err = job.ended()
    assert codes == [143], err
    assert "after optimizer step" in err
    job("train", *SLOWLY, *forked)
    assert result(job) == whole(*SPAWNED)


@pytest.mark.slow
def test_signals_that_come_while_ranks_are_spawned_stop_them_before_the_first_batch(job, whole):
    """Their default action would kill a rank that still imports torch."""

    def spawning():
        words = ["pgrep", "--session", str(job.processes[0].pid), "--full", "spawn_main"]
        return len(subprocess.run(words, capture_output=True, text=True).stdout.split()) == 2

    job.launch("train", *SLOWLY, *SPAWNED)
    job.wait_for(spawning)
    for _ in range(5):
        job.signal(signal.SIGUSR2)
        job.signal(signal.SIGTERM)
        time.sleep(0.1)
    codes, err = job.ended()
    assert codes == [143], err
    assert "stopped by SIGTERM and SIGUSR2 before the first optimizer step" in err
    assert "Traceback" not in err
    job("train", *SLOWLY, *SPAWNED)
    assert result(job) == whole(*SPAWNED)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGUSR2])
def test_a_launchers_ranks_stop_together(number, job, whole):
    job.launch("train", *SLOWLY, *LAUNCHED, ranks=2)
    job.train_on()
    job.signal(number)
    codes, err = job.ended()
    assert codes == [143, 143], err
    assert "after optimizer step" in err
    assert "Traceback" not in err
    job.launch("train", *SLOWLY, *LAUNCHED, ranks=2)
    codes, err = job.ended()
    assert codes == [0, 0], err
    assert result(job) == whole(*SPAWNED)


@pytest.mark.slow
def test_a_signal_to_one_of_a_launchers_ranks_stops_all(job, whole):
    job.launch("train", *SLOWLY, *LAUNCHED, ranks=2)
    job.train_on()
    job.processes[1].send_signal(signal.SIGTERM)
    codes, err = job.ended()
    assert codes == [143, 143], err
    job.launch("train", *SLOWLY, *LAUNCHED, ranks=2)
    assert job.ended()[0] == [0, 0]
    assert result(job) == whole(*SPAWNED)
