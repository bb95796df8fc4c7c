"""A sweep of six jobs on a real Slurm: killed after three, started again, told truly all along."""

import json
import subprocess
import time

import pytest

from tests.integration.conftest import SMOKE
from tests.slurm.conftest import SLURM, SlurmWrank
from wrank.launch.record import read_record

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]
LOSSES = "infonce,kl,listnet"
PASSWORD, TOKEN = "geheim-in-a-path", "hf_" + "Geheim" * 5
SECRETS = (f"paths.collections=https://bob:{PASSWORD}@host/fetched", f"tags=[alpha,{TOKEN}]")  # looked at by no stage
LINE = (
    *("run", "-m", *SMOKE, f"loss={LOSSES}", "seed=0,1", "study=six", "logger=wandb", "trainer.max_steps=6"),
    *(*SECRETS, *SLURM),
)
ONE_AT_A_TIME = "hydra.launcher.at_once=1"


def states(wrank, name=None):
    out, _ = wrank("status", *([name] if name else []), "format=json")
    found = json.loads(out)
    return [job["state"] for job in found[-1]["jobs"]] if found else []  # nothing is launched yet


def finished(wrank):
    """How many jobs say so themselves: asking the command takes longer than such a job."""
    records = (read_record(path.parent) for path in wrank.folder.glob("multirun/*/*/*/job.json"))
    return sum(record is not None and record.state == "finished" for record in records)


def until_finished(wrank, count, seconds=240):
    """Waits for so many finished jobs; every state that is told on the way must be true."""
    end, told = time.monotonic() + seconds, []
    while time.monotonic() < end:
        before = finished(wrank)
        if before >= count:
            return told
        if before < count - 1:  # time enough to ask
            told = states(wrank)
            assert set(told) <= {"queued", "running", "finished"}, told
            assert not told or before <= told.count("finished") <= finished(wrank), told
            assert told.count("running") <= 1, told  # one at a time
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s; last: {told}")


def test_a_dry_run_asks_slurm_and_queues_nothing(slurm, tmp_path):
    wrank = SlurmWrank(tmp_path, slurm)
    words = ("run", "-m", *SMOKE, "seed=0,1", *SLURM, "--dry-run")
    _, err = wrank(*words)
    assert "Slurm, asked about #0 and 1 more of its size: Job" in err
    assert "to start at" in err
    _, err = wrank(*words, "hydra.launcher.partition=nosuch", code=2)
    assert "sbatch would refuse #0 and 1 more of its size" in err
    assert "2 jobs checked, 2 of them would fail" in err
    assert "partition" in err.split("would refuse")[1]
    _, err = wrank(*words, "hydra.launcher.mem_gb_per_device=900000", code=2)
    assert "node configuration is not available" in err
    assert not (wrank.store / ".sweeps").exists()


@pytest.fixture(scope="module")
def sweep(slurm, tmp_path_factory):
    """Started, killed when three of its jobs were finished, started again."""
    wrank = SlurmWrank(tmp_path_factory.mktemp("six"), slurm)
    waiting = wrank.start(*LINE, ONE_AT_A_TIME)
    wrank.told = until_finished(wrank, 3)
    waiting.kill()
    (record,) = (json.loads(path.read_text()) for path in wrank.store.glob(".sweeps/*/sweep.json"))
    array = record["jobs"][0]["slurm"].partition("_")[0]
    subprocess.run(["scancel", "--signal=KILL", array], env=wrank.environment, check=True)
    subprocess.run(["scancel", array], env=wrank.environment, check=True)
    waiting.communicate()
    end = time.monotonic() + 60
    while set(after := states(wrank)) & {"queued", "running"} and time.monotonic() < end:
        time.sleep(0.5)
    wrank.after_kill = after
    wrank.second = wrank(*LINE, ONE_AT_A_TIME)
    return wrank


def test_a_killed_sweep_is_told_truly(sweep):
    assert len(sweep.told) == 6
    assert sweep.after_kill.count("finished") == 3, sweep.after_kill
    assert set(sweep.after_kill) <= {"finished", "lost", "preempted"}, sweep.after_kill


def test_the_same_line_starts_exactly_the_three_that_are_missing(sweep):
    out, err = sweep.second
    assert "3 of 6 jobs started, the others are finished" in err
    assert states(sweep) == ["finished"] * 6
    assert out.count("tiny-minilm") >= 4  # the base and a row a loss
    last = json.loads(sweep("status", "format=json")[0])[-1]
    assert sum(job["found"] for job in last["jobs"]) == 3
    assert {job["starts"] for job in last["jobs"] if not job["found"]} == {1}
    assert len(sweep.artifacts("model")) == 6


def test_a_third_time_nothing_starts(sweep):
    _, err = sweep(*LINE)
    assert "0 of 6 jobs started" in err
    assert len(sweep.artifacts("model")) == 6


def test_the_offline_runs_of_the_sweep_read_back(sweep):
    runs = sweep.wandb_runs()
    finished = {run["run"]["id"]: run for run in runs if run["exit_code"] == 0}
    trained = {id: run for id, run in finished.items() if run["run"]["job_type"] == "train"}
    assert len(trained) == 6
    assert {run["run"]["group"] for run in trained.values()} == {"six"}
    names = {run["run"]["name"] for run in trained.values()}
    assert names == {f"tiny-minilm-{loss}-s{seed}" for loss in LOSSES.split(",") for seed in (0, 1)}
    for run in trained.values():
        assert run["config"]["choice_loss"] in LOSSES.split(",")
        assert run["config"]["choice_data"] == "sample"
        assert "train/loss" in run["summary"]
        assert "test/sample/nDCG@10" in run["summary"]
        assert run["config"]["paths.collections"] == "https://***@host/fetched"
        assert {"alpha", "***"} <= set(run["run"]["tags"])


def test_no_secret_of_the_line_or_the_environment_is_in_what_goes_to_wandb(sweep):
    given = "".join(path.read_text() for path in sweep.folder.glob("multirun/**/config.yaml"))
    assert PASSWORD in given  # the jobs had them
    assert TOKEN in given
    files = {path: path.read_bytes() for path in (sweep.store / "wandb").rglob("*") if path.is_file()}
    assert any(path.suffix == ".wandb" for path in files)
    for secret in (PASSWORD, TOKEN, "hunter2"):  # the last is in WANDB_API_KEY
        assert [str(path) for path, content in files.items() if secret.encode() in content] == []
