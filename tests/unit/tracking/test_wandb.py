"""Whatever W&B does, the training goes on; what it writes offline is read back."""

import importlib.util
import io
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import wandb

from wrank.errors import Pruned, WrankError
from wrank.store import Stage, Store
from wrank.tracking.base import closing
from wrank.tracking.identity import RunIdentity
from wrank.tracking.wandb import GuardedLogger, WandbTracker
from wrank.tracking.wandb_folder import find_runs

IDENTITY = RunIdentity("model-0123", "tiny-ws2-s0", "study", "train", ("alpha",), {"loss": "ws2"}, {"seed": 0})
ROOT = Path(__file__).resolve().parents[3]
READER = ROOT.parent / "shared" / "tools" / "read_wandb.py"
reads = pytest.mark.skipif(not READER.is_file(), reason="the reader of W&B's offline files is not beside this checkout")


def reader():
    spec = importlib.util.spec_from_file_location("read_wandb", READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.open = lambda path, mode: io.BytesIO(Path(path).read_bytes())  # it leaves its file open
    return module


def read_back(folder):
    """What each try of a run wrote, oldest first."""
    return [reader().read(run.log) for run in find_runs(folder)]


def records(folder, kind):
    found = [record for run in find_runs(folder) for record in reader().records(run.log)]
    return [getattr(record, kind) for record in found if record.WhichOneof("record_type") == kind]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"mode": "ofline"}, "offline"),
        ({"init_timeout": 0}, "logger.init_timeout"),
        ({"finish_timeout": "soon"}, "logger.finish_timeout"),
        ({"artifact_mb": -1}, "logger.artifact_mb"),
        ({"table_rows": True}, "logger.table_rows"),
    ],
)
def test_values_out_of_range_are_refused(words, told):
    with pytest.raises(WrankError, match=told):
        WandbTracker(**words)


def test_disabled_tracks_nothing(tmp_path):
    tracker = WandbTracker(mode="disabled", folder=str(tmp_path / "wandb"))
    tracker.start(IDENTITY)
    assert tracker.lightning_loggers() == []
    tracker.log({"x": 1.0})
    tracker.table("t", ["a"], [[1]])
    tracker.artifact(tmp_path, "made")
    tracker.pause()
    tracker.finish(0)
    assert not tracker.wants_artifacts
    assert not (tmp_path / "wandb").exists()


def test_service_that_fails_to_start_is_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("x")
    tracker = WandbTracker(folder=str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING):
        tracker.start(IDENTITY)
        tracker.log({"x": 1.0})
        tracker.table("t", ["a"], [[1]])
        tracker.finish(0)
    assert len(caplog.records) == 1
    assert "goes on without it" in caplog.text
    assert tracker.lightning_loggers() == []


def test_logger_that_raises_in_the_middle_is_a_warning(caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # W&B writes where it stands

    class Run:
        id = name = _attach_id = "r"

        def log(self, *words, **named):
            raise TimeoutError("no answer")

        define_metric = log

    logger = GuardedLogger(experiment=None, offline=True)
    logger._experiment = Run()
    tracker = WandbTracker(folder=str(tmp_path))
    tracker.logger = logger
    with caplog.at_level(logging.WARNING):
        logger.log_metrics({"x": 1.0}, step=1)
        logger.log_metrics({"x": 1.0}, step=2)
        tracker.log({"x": 1.0})  # the run is lost for the tracker, too, without a second word
    assert caplog.text.count("no answer") == 1
    assert tracker.broken


def test_logger_can_be_sent_to_a_spawned_rank(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger = GuardedLogger(experiment=None, offline=True)
    assert isinstance(pickle.loads(pickle.dumps(logger)), GuardedLogger)


@pytest.fixture
def made(tmp_path):
    def make(kind, name, size=10):
        def work(folder):
            (folder / "small.json").write_text("{}")
            (folder / "large.bin").write_bytes(b"x" * size)
            (folder / "page.html").write_text("<html><body>written</body></html>")
            return {"steps": 3}

        return Store(tmp_path / "store").run(Stage(kind, name, {}, {}), work)

    return make


@reads
def test_names_choices_steps_and_the_best_are_in_the_file(tmp_path):
    tracker = WandbTracker(folder=str(tmp_path))
    tracker.start(IDENTITY)
    (logger,) = tracker.lightning_loggers()
    for step, loss in enumerate((3.0, 1.0, 2.0)):
        logger.log_metrics({"train/loss": loss, "val/s/nDCG@10": 1 / loss}, step=step)
    tracker.log({"test/s/nDCG@10": 0.4})
    tracker.log({"test/s/nDCG@10": 0.3})
    tracker.finish(0)
    (run,) = read_back(tmp_path)
    assert run["run"] | {"project": "wrank"} == {
        "id": "model-0123", "project": "wrank", "group": "study", "job_type": "train", "name": "tiny-ws2-s0",
        "tags": ["alpha"],
    }  # fmt: skip
    assert {"choice_loss": "ws2", "seed": 0}.items() <= run["config"].items()
    assert run["summary"]["train/loss"] == {"min": 1, "last": 2}
    assert run["summary"]["val/s/nDCG@10"] == {"max": 1, "last": 0.5}
    assert run["summary"]["test/s/nDCG@10"] == 0.3
    assert run["exit_code"] == 0
    axes = {one.glob_name or one.name: one.step_metric for one in records(tmp_path, "metric")}
    assert axes["train/*"] == axes["val/*"] == axes["train/loss"] == "trainer/global_step"


@reads
def test_tables_and_pages_are_kept_up_to_their_limit(tmp_path, made):
    tracker = WandbTracker(folder=str(tmp_path), table_rows=2)
    tracker.start(IDENTITY)
    tracker.table("samples", ["level", "text"], ([n, f"x{n} https://a:geheim@h"] for n in range(5)))
    tracker.page("audit", made("generation", "g").path / "page.html")
    tracker.finish(0)
    (run,) = read_back(tmp_path)
    table = next(row for row in run["history"] if "samples.nrows" in row)
    assert (table["samples.nrows"], table["samples.ncols"]) == (2, 2)
    page = next(row["audit.path"] for row in run["history"] if "audit.path" in row)
    files = find_runs(tmp_path)[0].path / "files"
    assert "written" in (files / page).read_text()
    data = json.loads((files / table["samples.path"]).read_text())["data"]
    assert data == [[0, "x0 https://***@h"], [1, "x1 https://***@h"]]


@reads
def test_texts_of_the_data_are_sent_as_they_are_and_nothing_else(tmp_path):
    text = "token=abc is what https://a:geheim@h says"
    tracker = WandbTracker(folder=str(tmp_path))
    tracker.start(IDENTITY)
    tracker.table("samples", ["query", "passage", "system"], [[text, text, text]], texts=("query", "passage"))
    tracker.finish(0)
    (run,) = read_back(tmp_path)
    path = next(row["samples.path"] for row in run["history"] if "samples.path" in row)
    data = json.loads((find_runs(tmp_path)[0].path / "files" / path).read_text())["data"]
    assert data == [[text, text, "token=*** is what https://***@h says"]]


@reads
def test_a_pruned_run_has_ended_well_and_its_summary_says_where(tmp_path):
    tracker = WandbTracker(folder=str(tmp_path))
    tracker.start(IDENTITY)
    with pytest.raises(Pruned), closing(tracker):
        raise Pruned(4, 0.5)
    (run,) = read_back(tmp_path)
    assert run["exit_code"] == 0
    assert "preempting" not in run["records"]
    assert {"pruned/step": 4, "pruned/score": 0.5}.items() <= run["summary"].items()
    assert [run.facts["ended"] for run in find_runs(tmp_path)] == ["finished"]


@reads
def test_a_collection_is_used_and_another_content_is_another_version(tmp_path):
    for id, fingerprint in (("one", "a" * 64), ("two", "a" * 64), ("three", "b" * 64)):
        tracker = WandbTracker(folder=str(tmp_path))
        tracker.start(RunIdentity(id, id, "study", "train"))
        for _ in range(2):
            tracker.data("my data", fingerprint, {"queries": 3, "inputs": {"generation": ["c" * 64]}, "api_key": "x"})
        tracker.finish(0)
    found = {run.id: one for run, one in zip(find_runs(tmp_path), records(tmp_path, "artifact"), strict=True)}
    one, two, three = (found[id] for id in ("one", "two", "three"))
    assert {(each.name, each.type) for each in found.values()} == {("data-my-data", "data")}
    assert one.use_after_commit
    assert one.user_created  # by none of these runs
    assert set(one.aliases) == {"a" * 16, "latest"}
    assert one.digest == two.digest != three.digest  # W&B makes a version of each digest
    told = {"name": "my data", "content_key": "a" * 64, "queries": 3, "inputs": {"generation": ["c" * 64]}}
    assert json.loads(one.metadata) == told
    assert [entry.path for entry in one.manifest.contents] == ["collection.json"]


@reads
def test_lineage_holds_what_was_used_before_what_was_made_each_once(tmp_path, made):
    data, model = made("generation", "sample"), made("model", "tiny", size=2_000_000)
    tracker = WandbTracker(folder=str(tmp_path), artifact_mb=1)
    tracker.start(IDENTITY)
    for _ in range(2):
        tracker.artifact(data.path, "used")
    tracker.artifact(model.path, "made")
    tracker.finish(0)
    found = records(tmp_path, "artifact")
    assert [(one.name, one.type) for one in found] == [("generation-sample", "dataset"), ("model-tiny", "model")]
    assert [one.use_after_commit for one in found] == [True, False]
    assert [one.user_created for one in found] == [True, False]  # True: this run has not made it
    assert data.content_key[:16] in found[0].aliases
    assert {"latest", model.content_key[:16]} <= set(found[1].aliases)
    names = {entry.path for entry in found[1].manifest.contents}
    assert names == {"manifest.json", "small.json", "page.html"}  # weights are not sent, and nothing above the limit
    assert json.loads(found[1].metadata)["content_key"] == model.content_key


@reads
def test_an_artifact_has_one_content_whoever_tells_of_it(tmp_path, made):
    model = made("model", "tiny")
    for id, role in (("train-1", "made"), ("evaluate-1", "used")):
        tracker = WandbTracker(folder=str(tmp_path))
        tracker.start(RunIdentity(id, id, "study", "train"))
        tracker.artifact(model.path, role)
        tracker.finish(0)
    one, two = records(tmp_path, "artifact")
    assert one.digest == two.digest
    assert one.name == two.name


@reads
def test_an_artifact_that_cannot_be_read_leaves_the_figures_alone(tmp_path, caplog):
    tracker = WandbTracker(folder=str(tmp_path))
    tracker.start(IDENTITY)
    with caplog.at_level(logging.WARNING):
        tracker.artifact(tmp_path / "nothing", "made")
    tracker.log({"test/s/nDCG@10": 0.5})
    tracker.finish(0)
    assert "was left out" in caplog.text
    assert read_back(tmp_path)[0]["summary"]["test/s/nDCG@10"] == 0.5


@reads
def test_a_paused_run_is_preempted_and_the_next_start_goes_on_at_its_step(tmp_path):
    for first, end in ((0, "pause"), (3, "finish")):
        tracker = WandbTracker(folder=str(tmp_path))
        tracker.start(IDENTITY)
        (logger,) = tracker.lightning_loggers()
        for step in range(first, first + 3):
            logger.log_metrics({"train/loss": float(step)}, step=step)
        tracker.pause() if end == "pause" else tracker.finish(0)
    first, second = read_back(tmp_path)
    assert first["run"]["id"] == second["run"]["id"] == "model-0123"
    assert (first["exit_code"], second["exit_code"]) == (143, 0)
    assert ("preempting" in first["records"], "preempting" in second["records"]) == (True, False)
    steps = [row["trainer/global_step"] for run in (first, second) for row in run["history"]]
    assert steps == [0, 1, 2, 3, 4, 5]
    assert [run.facts["ended"] for run in find_runs(tmp_path)] == ["paused", "finished"]
    (one, other) = records(tmp_path, "run")
    assert one.resume  # without it the server would be sent the steps 0, 1, 2 twice
    assert other.resume


@reads
@pytest.mark.parametrize("on", [True, False])
def test_system_metrics_are_on_unless_turned_off(tmp_path, on):
    tracker = WandbTracker(folder=str(tmp_path), system_metrics=on)
    tracker.start(IDENTITY)
    assert tracker.logger.experiment.settings.x_disable_stats is not on
    tracker.finish(0)
    assert bool(records(tmp_path, "stats")) is on


def test_a_run_is_held_while_it_is_open_and_says_whose_it_is(tmp_path):
    tracker = WandbTracker(folder=str(tmp_path), project="p")
    tracker.start(IDENTITY)
    (run,) = find_runs(tmp_path)
    assert run.is_written()
    tracker.finish(1)
    (run,) = find_runs(tmp_path)
    assert not run.is_written()
    assert {"name": "tiny-ws2-s0", "group": "study", "project": "p", "ended": "failed"}.items() <= run.facts.items()


def test_no_secret_is_in_any_file_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["wrank run", "engine.api_key=geheim1", "data.url=https://bob:geheim2@host"])
    config = {
        "engine": {"api_key": "geheim1", "url": "https://bob:geheim2@host"},
        "overrides": ["engine.token=geheim3"],
    }
    tracker = WandbTracker(folder=str(tmp_path), project="https://a:geheim4@p".replace("/", "-"))
    tracker.start(RunIdentity("id", "n-https://a:geheim5@h", "g", "t", ("token=geheim6",), {}, config))
    tracker.log({"x": 1.0})
    tracker.table("t", ["text"], [["password=geheim7"]])
    tracker.finish(0)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for number in (1, 2, 3, 5, 6, 7):
        assert f"geheim{number}".encode() not in content


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    place = tmp_path / "disk"
    monkeypatch.setenv("WANDB_DATA_DIR", str(place / "data"))  # forgotten afterwards: later runs need a disk
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    wandb.teardown()  # its process does not get over it, and would write no later run
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_is_one_warning_and_stops_nothing(small_disk, caplog):
    tracker = WandbTracker(folder=str(small_disk / "wandb"))
    with caplog.at_level(logging.WARNING):
        tracker.start(IDENTITY)
        for logger in tracker.lightning_loggers():
            for step in range(300):
                logger.log_metrics({f"train/figure{n}": float(step) for n in range(40)}, step=step)
        tracker.table("t", ["a"], [["x" * 1000]] * 500)
        tracker.finish(0)
    assert len(caplog.records) == 1, caplog.text
    assert "No space left" in caplog.text


UNREACHABLE = """
import logging, sys, time
from wrank.tracking.identity import RunIdentity
from wrank.tracking.wandb import WandbTracker
logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s", stream=sys.stdout)
logging.getLogger("wandb").setLevel(logging.CRITICAL)
began = time.monotonic()
tracker = WandbTracker(folder=sys.argv[1], mode="online", init_timeout=2)
tracker.start(RunIdentity("id", "n", "g", "train"))
tracker.log({"x": 1.0})
tracker.table("t", ["a"], [[1]])
tracker.finish(0)
print("took", time.monotonic() - began, tracker.lightning_loggers())
"""


def test_a_server_that_is_not_there_costs_the_time_out_of_the_start(tmp_path):
    """In a process of its own: W&B reads the server's address once."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    environment = kept | {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "a" * 40, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("goes on without it") == 1
    took, loggers = done.stdout.split("took ")[1].split(" ", 1)
    assert float(took) < 30
    assert loggers.strip() == "[]"
