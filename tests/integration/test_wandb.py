"""W&B from end to end, offline, and against a stand-in for its server on this machine."""

import json
import subprocess
import sys

import pytest

from tests.fixtures.wandb_server import wandb_server
from tests.integration.conftest import ROOT, SMOKE, fault_engine
from tests.unit.tracking.test_wandb import reader
from wrank.errors import Pruned, Stopped, WrankError
from wrank.tracking.wandb_folder import find_runs

READER = ROOT.parent / "shared" / "tools" / "read_wandb.py"
reads = pytest.mark.skipif(not READER.is_file(), reason="the reader of W&B's offline files is not beside this checkout")
WRITE = ("generator=graded", "judge=none", *fault_engine())


def runs(wrank):
    return find_runs(wrank.store / "wandb")


def read_back(run):
    done = subprocess.run([sys.executable, str(READER), str(run.log)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def logged(run):
    return {name for row in run["history"] for name in row}


@reads
def test_a_chain_is_two_runs_whose_artifacts_hang_together(wrank):
    """Generation -> data -> model -> score."""
    wrank("run", *SMOKE, "loss=kl", "logger=wandb", "tags=[alpha]", *WRITE)
    written, trained = runs(wrank)
    assert [run.facts["job_type"] for run in (written, trained)] == ["generate", "train"]
    assert {run.facts["group"] for run in (written, trained)} == {"smoke"}
    first, second = read_back(written), read_back(trained)
    assert (first["exit_code"], second["exit_code"]) == (0, 0)
    assert "generation/samples.nrows" in logged(first)
    assert "generation/audit.path" in logged(first)
    assert {"per_query/sample.nrows", "comparison.path", "best/dev"} <= logged(second)
    (made,) = [one["name"] for one in first["artifacts"] if one["type"] == "dataset"]
    names = [one["name"] for one in second["artifacts"] if one["type"] != "run_table"]
    assert names[0] == made
    assert [name.partition("-")[0] for name in names] == ["generation", "data", "model", "evaluation"]
    manifest = json.loads((wrank.artifacts("generation")[0] / "manifest.json").read_text())
    told = [one.artifact for one in reader().records(trained.log) if one.WhichOneof("record_type") == "artifact"]
    (data,) = [json.loads(one.metadata) for one in told if one.type == "data"]
    assert data["inputs"] == {"generation": [manifest["content_key"]]}
    (model,) = wrank.artifacts("model")
    assert json.loads((model / "manifest.json").read_text())["inputs"]["collection"] == data["content_key"]
    assert any(tag.startswith("git:") for tag in second["run"]["tags"])
    assert second["config"]["choice_generator"] == "graded"


@reads
@pytest.mark.slow
def test_an_evaluation_of_a_trained_model_uses_its_artifact(wrank):
    wrank("train", *SMOKE, "loss=kl", "logger=wandb")
    (model,) = wrank.artifacts("model")
    wrank("evaluate", "data=sample", "model=path", f"model.path={model / 'last'}", "logger=wandb", "study=smoke")
    run = read_back(runs(wrank)[-1])
    assert run["run"]["job_type"] == "evaluate"
    kinds = [one["type"] for one in run["artifacts"] if one["type"] != "run_table"]
    assert kinds == ["model", "evaluation"]
    before = len(runs(wrank))
    wrank("evaluate", "data=sample", "model=path", f"model.path={model / 'last'}", "logger=wandb", "study=smoke")
    assert len(runs(wrank)) == before  # nothing was done, so nothing is told


MINE = ("mine", "data=sample", "miner=bm25", "logger=wandb")
SCORE = ("score", "data=sample", "teacher.model=random:tiny", "teacher.max_length=96", "logger=wandb")


@reads
def test_pairs_are_mined_from_data_and_scored_from_data_and_pairs(wrank):
    _, told = wrank(*MINE)
    (mined,) = wrank.artifacts("mined")
    _, also = wrank(*SCORE, f"pairs={mined}")
    assert "tracking:" not in told + also  # a warning
    found = {run.facts["job_type"]: read_back(run) for run in runs(wrank)}
    kinds = {job: [one["type"] for one in run["artifacts"]] for job, run in found.items()}
    assert kinds == {"mine": ["data", "mined"], "score": ["mined", "data", "scores"]}
    assert {run["exit_code"] for run in found.values()} == {0}


@pytest.mark.parametrize(("words", "stage"), [(MINE, "mine"), (SCORE, "score")])
@pytest.mark.parametrize(
    ("error", "code", "word"), [(Stopped("asked to"), 143, "paused"), (WrankError("no"), 2, "failed")]
)
def test_a_mining_or_a_scoring_is_closed_as_it_ended(here, monkeypatch, words, stage, error, code, word):
    def ends(context, plan, begin):
        begin()
        raise error

    monkeypatch.setattr(f"wrank.command.{stage}.{stage}", ends)
    here(*words, code=code)
    (run,) = runs(here)
    assert run.facts["ended"] == word


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [(Stopped("at step 3"), 143, "paused"), (SystemExit(7), 7, "paused"), (Pruned(4, 0.5), 143, "finished")],
)
def test_a_training_that_a_signal_stops_pauses_its_run(here, monkeypatch, error, code, word):
    def stopped(*words):
        raise error

    monkeypatch.setattr("wrank.stage.model.fit", stopped)
    here("train", *SMOKE, "loss=kl", "logger=wandb", code=code)
    (run,) = runs(here)
    assert run.facts["ended"] == word


TWO_TRIES = """
import sys
from wrank.tracking.identity import RunIdentity
from wrank.tracking.wandb import WandbTracker
for first, end in ((0, "pause"), (3, "finish")):
    tracker = WandbTracker(folder=sys.argv[1])
    tracker.start(RunIdentity("model-1", "tiny", "study", "train"))
    (logger,) = tracker.lightning_loggers()
    for step in range(first, first + 3):
        logger.log_metrics({"train/loss": float(step)}, step=step)
    tracker.table("t", ["a"], [[1]])
    tracker.pause() if end == "pause" else tracker.finish(0)
    import time; time.sleep(1.1)  # W&B's folders are named by the second
"""


@pytest.fixture
def requeued(wrank):
    """A run that was preempted and went on."""
    subprocess.run(
        [sys.executable, "-c", TWO_TRIES, str(wrank.store / "wandb")], env=wrank.environment, check=True, timeout=120
    )
    assert len(runs(wrank)) == 2
    return wrank


def sync(wrank, address, *words, code=0):
    environment = wrank.environment | {"WANDB_BASE_URL": address, "WANDB_API_KEY": "a" * 40}
    command = [sys.executable, "-m", "wrank.cli", "sync", *words]
    done = subprocess.run(command, cwd=wrank.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_a_requeued_run_is_sent_in_order_as_one_run_and_once(requeued):
    with wandb_server() as server:
        out, _ = sync(requeued, server.address, "dry_run=true")
        assert out.count("would be sent") == 2
        assert server.history == {}
        out, _ = sync(requeued, server.address)
        assert out.count("sent  ") == 2
        assert list(server.history) == ["model-1"]
        assert server.steps("model-1", "train/loss") == [(0, 0), (1, 1), (2, 2), (4, 3), (5, 4), (6, 5)]  # 3: a table
        assert server.exits == [143, 0]
        assert server.upserts[0]["groupName"] == "study"
        lines = list(server.history["model-1"])
        out, err = sync(requeued, server.address)
        assert out == ""
        assert "2 sent before" in err
        assert server.history["model-1"] == lines


@pytest.mark.parametrize(("refuses", "reason"), [("artifacts", "no room for artifacts"), ("history", "Fatal error")])
def test_what_the_server_refuses_is_told_and_sent_by_the_same_command_later(requeued, refuses, reason):
    with wandb_server() as server:
        server.refuses = refuses
        out, _ = sync(requeued, server.address, code=1)
        assert reason in out
        assert "waits" in out  # the second try must not be there before the first
        server.refuses = ""
        out, _ = sync(requeued, server.address)
        assert out.count("sent  ") == 2
        rows = set(server.steps("model-1", "train/loss"))  # sent twice with the same steps where only artifacts failed
        assert [loss for _, loss in sorted(rows)] == [0, 1, 2, 3, 4, 5]


def test_a_server_that_is_not_there_is_told_and_nothing_is_marked(requeued):
    out, err = sync(requeued, "http://127.0.0.1:9", code=1)
    assert "connection refused" in out
    assert "1 failed, 1 waits" in err
    assert not any(run.is_sent for run in runs(requeued))


def test_without_a_login_it_is_told(requeued):
    home = requeued.folder / "home"
    home.mkdir()
    environment = {key: value for key, value in requeued.environment.items() if key != "NETRC"} | {"HOME": str(home)}
    command = [sys.executable, "-m", "wrank.cli", "sync"]
    done = subprocess.run(command, cwd=requeued.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "wandb login" in done.stdout


def test_a_filter_that_fits_nothing_and_a_folder_without_runs_are_told(here):
    _, err = here("sync", code=2)
    assert "no offline run of W&B here" in err
    folder = here.store / "wandb" / "wandb" / "offline-run-20261123_120000-a"
    folder.mkdir(parents=True)
    (folder / "run-a.wandb").write_bytes(b"")
    _, err = here("sync", "nothing-*", code=2)
    assert "fits none of the 1 runs" in err


def test_the_dashboard_is_written_to_a_file_without_network_or_package(here):
    out, _ = here("dashboard", "out=board.json", "study=demo", "by=[loss,data]")
    board = json.loads((here.folder / "board.json").read_text())
    assert out.strip() == "board.json"
    assert board["workspace"]["runs"] == {"studies": ["demo"], "groupby": ["choice_loss", "choice_data"]}
    assert not here.store.exists()  # it is not made for a look


def test_a_dashboard_that_cannot_be_sent_is_told_with_what_to_do(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    _, err = here("dashboard", code=2)
    assert "pip install wandb-workspaces" in err
    assert "out=FILE.json" in err
