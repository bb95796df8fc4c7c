"""Jobs on a real Slurm that are put back into the queue in mid-epoch: losses and weights as of an unbroken run.

Each is started with ``wrank train -m ... hydra/launcher=slurm``, which waits until it is finished. A requeued job would
wait for about two minutes; it is told to start at once.
"""

import json
import subprocess
import time

import pytest

from tests.integration.test_preempt import SPAWNED, STEPS, TRAIN, Job, result
from tests.slurm.conftest import SLURM, SlurmWrank
from wrank.tracking.wandb import FLUSHED

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]
SLOW = "loss._target_=tests.fixtures.slow_loss.SlowKL"
TASKS = ("trainer.devices=2", "trainer.strategy=ddp", "trainer.in_batch=global")


class SlurmJob(SlurmWrank):
    """A sweep of one job."""

    def launch(self, *words):
        self.waiting = self.start("train", "-m", *TRAIN, *words, *SLURM)
        return self

    def status(self):
        found = json.loads(self("status", "format=json")[0])
        return found[-1]["jobs"][0] if found else {"slurm": "", "state": "queued"}

    def wait_for(self, happened, seconds=240):
        until = time.monotonic() + seconds
        while not (found := happened()):
            assert self.waiting.poll() is None, self.waiting.communicate()
            assert time.monotonic() < until
            time.sleep(0.2)
        return found

    def rows(self):
        logs = self.store.glob("model/.partial-*/log-*/metrics.csv")
        return sum(len(path.read_text().split("\n")) - 2 for path in logs)

    def slurm(self, *words):
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=True).stdout

    def train_on(self):
        """Waits until the training of now is in its middle."""
        before = self.rows()
        self.wait_for(lambda: self.rows() >= before + 5)
        self.id = self.status()["slurm"]

    def started_again(self):
        """Waits until Slurm has put the job back into its queue, and has it started at once."""

        def pending():
            if self.slurm("squeue", "--noheader", "--jobs", self.id, "--format=%T").strip() != "PENDING":
                return False
            return "Restarts=0" not in self.slurm("scontrol", "show", "job", self.id)

        self.wait_for(pending)
        assert self.status()["state"] == "queued"
        self.slurm("scontrol", "update", f"JobId={self.id}", "StartTime=now")

    def finished(self):
        out, err = self.waiting.communicate(timeout=400)
        assert self.waiting.returncode == 0, f"{out}\n{err}"
        assert self.status()["state"] == "finished"
        (model,) = self.artifacts("model")
        return json.loads((model / "manifest.json").read_text())["result"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What unbroken runs end with, of one process and of two ranks."""
    made = {}

    def of(*words):
        if words not in made:
            job = Job(tmp_path_factory.mktemp("whole"))
            job("train", *TRAIN, *words)
            made[words] = result(job)
        return made[words]

    return of


@pytest.fixture
def job(slurm, tmp_path):
    job = SlurmJob(tmp_path, slurm)
    yield job
    if job.waiting.poll() is None:
        job.waiting.terminate()
        job.waiting.communicate()


@pytest.mark.parametrize(
    ("ranks", "unbroken"),
    [((), ()), (SPAWNED, SPAWNED), (TASKS, SPAWNED)],
    ids=["one process", "two spawned ranks", "one Slurm task a rank"],
)
def test_a_job_that_is_told_of_its_end_requeues_itself_and_goes_on(ranks, unbroken, job, whole):
    job.launch(*ranks, SLOW, "+loss.pause=0.1")
    job.train_on()
    job.slurm("scancel", "--signal=USR2", job.id)
    job.started_again()
    facts = job.finished()
    assert facts["resumed_at"] >= 5
    assert result(job) == whole(*unbroken)
    assert job.status()["starts"] == 2


def test_a_requeued_job_goes_on_with_its_wandb_run(job):
    """One run in two files: each step is told once, whichever try did it."""
    job.launch("logger=wandb", SLOW, "+loss.pause=0.1")
    job.train_on()
    job.slurm("scancel", "--signal=USR2", job.id)
    job.started_again()
    resumed = job.finished()["resumed_at"]
    assert 5 <= resumed < STEPS
    runs = job.wandb_runs()
    assert all(map(steps_of, runs)), "W&B's own process was killed by the signal, with what it had not written yet"
    first, second = sorted(runs, key=lambda run: steps_of(run)[0])
    assert first["exit_code"] == 143
    assert first["run"]["id"] == second["run"]["id"]
    assert first["run"]["name"] == second["run"]["name"]
    assert second["exit_code"] == 0
    assert len(steps_of(second)) > 1
    assert [*steps_of(first), *steps_of(second)] == list(range(STEPS))


def steps_of(run):
    """Optimizer steps whose loss a file of W&B has, as they came."""
    return [row["trainer/global_step"] for row in run["history"] if "train/loss" in row]


def test_a_job_that_the_cluster_takes_back_goes_on_from_its_sigterm(job, whole):
    """SIGTERM, then SIGKILL 30 seconds later: the job ends at its next step, though it could be finished by then."""
    pause = 0.1
    job.launch("logger=wandb", SLOW, f"+loss.pause={pause}")
    job.train_on()
    before = job.rows()
    job.slurm("scontrol", "requeue", job.id)
    job.started_again()
    facts = job.finished()
    assert before - 1 <= facts["resumed_at"] <= before + 15 < STEPS, "the checkpoint is that of SIGTERM"
    assert result(job) == whole()
    assert job.status()["starts"] == 2
    first, second = sorted(filter(steps_of, job.wandb_runs()), key=lambda run: steps_of(run)[0])
    lost = set(range(STEPS)) - {*steps_of(first), *steps_of(second)}
    assert first["run"]["id"] == second["run"]["id"]
    assert len(lost) <= 1 + 3 * FLUSHED / pause, "W&B's process ends at SIGTERM, and writes each second"


@pytest.mark.parametrize(
    ("launcher", "ranks"),
    [(SLURM, SPAWNED), (SLURM, TASKS), (("hydra/launcher=local", "hydra.launcher.allow_dirty=true"), SPAWNED)],
    ids=["slurm spawned", "slurm tasks", "local"],
)
def test_three_jobs_of_two_ranks_make_three_folders_and_three_wandb_runs(launcher, ranks, slurm, tmp_path):
    wrank = SlurmWrank(tmp_path, slurm)
    words = ("trainer.max_steps=3", "logger=wandb", "seed=0,1,2")
    wrank("train", "-m", *TRAIN, *ranks, *words, *launcher)
    assert len(wrank.artifacts("model")) == 3
    results = sorted(tmp_path.glob("multirun/*/*/*/result.json"))  # a further rank has its folder below the job's
    assert [path.parent.name for path in results] == ["0", "1", "2"]
    assert all("failed" not in json.loads(path.read_text()) for path in results)
    runs = wrank.wandb_runs()
    assert len(runs) == 3
    assert {run["run"]["name"] for run in runs} == {f"tiny-minilm-kl-s{seed}" for seed in range(3)}
    assert [run["exit_code"] for run in runs] == [0, 0, 0]
    assert all("train/loss" in run["summary"] for run in runs)
