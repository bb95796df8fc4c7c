"""``wrank run`` as a user sees it: once, again, killed, twice at once, swept, tracked, on two ranks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.integration.conftest import ROOT, SMOKE, Wrank

READER = ROOT.parent / "shared" / "tools" / "read_wandb.py"


def weights(store):
    (folder,) = store.artifacts("model")
    return load_file(folder / "last" / "model.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_run_ends_with_a_table_and_whole_artifacts_and_returns_at_once_the_second_time(wrank):
    out, _ = wrank("run", *SMOKE, "loss=ws2")
    assert "nDCG@10" in out
    assert "tiny-minilm-ws2-s0" in out
    (model,), evaluations = wrank.artifacts("model"), wrank.artifacts("evaluation")
    assert {"best", "last", "dev.json", "metrics.csv", "manifest.json"} == {path.name for path in model.iterdir()}
    assert len(evaluations) == 2
    for folder in evaluations:
        files = {"measures.json", "per_query.jsonl", "queries.jsonl", "diagnosis.json", "run.trec", "manifest.json"}
        assert {path.name for path in folder.iterdir()} == files
        assert set(json.loads((folder / "measures.json").read_text())) == {"nDCG@10", "RR@10", "R@100", "AP"}
        assert len((folder / "per_query.jsonl").read_text().strip().split("\n")) == 32
    before = {path: path.stat().st_mtime_ns for path in wrank.store.rglob("manifest.json")}
    out, err = wrank("run", *SMOKE, "loss=ws2")
    assert "tiny-minilm-ws2-s0" in out
    assert "made in" not in err
    assert {path: path.stat().st_mtime_ns for path in wrank.store.rglob("manifest.json")} == before


def test_killed_run_goes_on_and_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    """Killed for real, at the first checkpoint; dropout is on."""
    folders = [tmp_path / "whole", tmp_path / "broken"]
    for folder in folders:
        folder.mkdir()
    whole, broken = map(Wrank, folders)
    words = (*SMOKE, "loss=kl", "trainer.max_steps=60", "trainer.checkpoint_steps=5", "model.dropout=0.1")
    whole("run", *words)
    process = broken.start("run", *words)
    for _ in range(1200):
        if list(broken.store.glob("model/.partial-*/resume.ckpt")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert not broken.artifacts("model")
    broken("run", *words)
    (model,) = broken.artifacts("model")
    assert json.loads((model / "manifest.json").read_text())["result"]["resumed_at"] >= 5
    assert same(weights(whole), weights(broken))


def test_interrupted_run_says_how_to_go_on(wrank):
    process = wrank.start("run", *SMOKE, "loss=kl", "trainer.max_steps=500", "trainer.checkpoint_steps=5")
    for _ in range(1200):
        if list(wrank.store.glob("model/.partial-*/resume.ckpt")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert not wrank.artifacts("model")


def test_two_runs_at_once_do_the_work_once(wrank):
    processes = [wrank.start("run", *SMOKE, "loss=infonce", "trainer.max_steps=20") for _ in range(2)]
    outs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outs
    made = sum(err.count("model: made in") for _, err in outs)
    found = sum(err.count("model: found") for _, err in outs)
    assert (made, found) == (1, 1)
    assert len(wrank.artifacts("model")) == 1
    assert len(list(wrank.folder.glob("outputs/*/*/result.json"))) == 2


def test_sweep_makes_one_job_a_combination_and_one_table(wrank):
    out, _ = wrank("run", "-m", *SMOKE, "loss=infonce,ws2", "seed=0,1")
    assert len(wrank.artifacts("model")) == 4
    table = out[out.rindex("systems on the test sets") :]
    assert "tiny-minilm infonce" in table
    assert "tiny-minilm ws2" in table
    assert "±" in table
    results = [json.loads(path.read_text()) for path in wrank.folder.glob("multirun/*/*/*/result.json")]
    assert sorted((row["choices"]["loss"], row["seed"]) for row in results) == [
        ("infonce", 0), ("infonce", 1), ("ws2", 0), ("ws2", 1),
    ]  # fmt: skip


def test_one_failing_job_does_not_stop_the_others_and_the_exit_code_tells(wrank):
    out, err = wrank("run", "-m", *SMOKE, "loss=ws2,infonce", "trainer.in_batch=none", code=2)
    assert "tiny-minilm infonce" in out
    assert "failed: data=sample" in err
    assert len(wrank.artifacts("model")) == 1


@pytest.mark.slow
def test_two_ranks_train_what_one_process_trains_with_the_joined_batch(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = map(Wrank, folders)
    words = (
        *SMOKE,
        "loss=ws2",
        "model.dropout=0.0",
        "trainer.in_batch=global",
        "trainer.max_steps=3",
        "data.dev_share=0",
    )
    one("train", *words, "trainer.batch_size=8")
    two("train", *words, "trainer.batch_size=4", "trainer.devices=2", "trainer.strategy=ddp_spawn")
    left, right = weights(one), weights(two)
    for key in left:
        torch.testing.assert_close(left[key], right[key], rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not READER.is_file(), reason="the reader of W&B's offline files is not beside this checkout")
def test_offline_wandb_run_holds_names_choices_figures_and_exit_code(wrank):
    wrank("run", *SMOKE, "loss=kl", "logger=wandb", "tags=[alpha]")
    (model,) = wrank.artifacts("model")
    key = json.loads((model / "manifest.json").read_text())["key"]
    (path,) = (wrank.store / "wandb").rglob("run-*.wandb")
    done = subprocess.run([sys.executable, str(READER), str(path)], capture_output=True, text=True, check=True)
    run = json.loads(done.stdout)
    assert run["run"]["id"] == f"model-{key[:16]}"
    assert run["run"]["group"] == "smoke"
    assert run["run"]["job_type"] == "train"
    assert run["run"]["name"] == "tiny-minilm-kl-s0"
    assert run["run"]["tags"][0] == "alpha"  # then the commit
    assert run["config"]["choice_loss"] == "kl"
    assert run["exit_code"] == 0
    names = {name for row in run["history"] for name in row}
    assert {"train/loss", "val/sample/nDCG@10", "test/sample/nDCG@10"} <= names


def test_two_ranks_log_to_one_wandb_run_and_score_the_dev_queries(wrank):
    _, err = wrank("train", *SMOKE, "trainer=ddp", "trainer.accelerator=cpu", "trainer.workers=0", "logger=wandb")
    (model,) = wrank.artifacts("model")
    assert len(json.loads((model / "dev.json").read_text())["history"]) == 2
    assert (model / "last" / "model.safetensors").is_file()
    assert len(list((wrank.store / "wandb").rglob("run-*.wandb"))) == 1
    assert "Traceback" not in err


@pytest.mark.skipif(not READER.is_file(), reason="the reader of W&B's offline files is not beside this checkout")
def test_failed_training_ends_its_wandb_run_with_exit_code_1(wrank):
    wrank("train", *SMOKE, "loss=kl", "logger=wandb", "trainer.learning_rate=1.0", "trainer.clip=null",
          "model.temperature=1.0e-44", code=2)  # fmt: skip
    (path,) = (wrank.store / "wandb").rglob("run-*.wandb")
    done = subprocess.run([sys.executable, str(READER), str(path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["exit_code"] == 1


def test_tracking_that_fails_does_not_stop_the_training(wrank):
    (wrank.folder / "file").write_text("x")
    _, err = wrank("train", *SMOKE, "logger=wandb", f"logger.folder={wrank.folder / 'file' / 'below'}")
    assert "this run goes on without it" in err
    assert len(wrank.artifacts("model")) == 1


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["mount", "-o", "remount,rw", str(place)], capture_output=True)
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("size", ["64k", "256k", "600k"])
def test_full_disk_is_said_and_leaves_nothing_that_looks_finished(size, wrank, small_disk):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(small_disk)], check=True)
    _, err = wrank("run", *SMOKE, f"paths.store={small_disk / 'store'}", code=2)
    assert "No space left" in err or "disk is full" in err
    for manifest in (small_disk / "store").glob("[!.]*/[!.]*/manifest.json"):
        json.loads(manifest.read_text())
    assert not list((small_disk / "store").glob("model/[!.]*"))


def test_read_only_working_folder_is_said(wrank, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    environment, store = wrank.environment, wrank.store
    command = [sys.executable, "-m", "wrank.cli", "evaluate", "model=tiny", f"paths.store={store}"]
    done = subprocess.run(command, cwd=small_disk, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "a folder that can be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_read_only_store_is_said(wrank, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    _, err = wrank("run", *SMOKE, f"paths.store={small_disk / 'store'}", code=2)
    assert "read-only" in err.lower()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trian",), "did you mean `wrank train`"),
        (("run", "sede=3"), "sede"),
        (("run", "loss=ws3"), "did you mean loss=ws2?"),
        (("run", "+loss.temprature=1"), "did you mean loss.temperature"),
        (("run", "data=beir"), "data.path"),
        (("run", "trainer.batch_size=many"), "trainer.batch_size"),
        (("run", "trainer.learning_rate=-1"), "trainer.learning_rate"),
        (("run", "data.lists.choice=best"), "best"),
        (("run", "data.lists.size=1"), "size"),
        (("run", "evaluation.measures=[nDGC@10]"), "nDGC"),
        (("run", "data.split=tset"), "did you mean 'test'"),
        (("run", "data.train_split=test"), "seen queries"),
        (("evaluate", "model=path", "model.path=nowhere"), "nowhere"),
        (("evaluate", "seed=-1"), "seed"),
        (("run", "name=tiny"), "two systems are called 'tiny'"),
        (("run", "-m", "experiment=glob(nothing*)"), "no jobs"),
        (("run", "loss=ws2", "trainer.in_batch=none"), "in_batch"),
    ],
)
def test_bad_words_give_one_clear_message_and_exit_code_2(words, said, wrank):
    _, err = wrank(*words, *(() if words[0] != "run" else ("model=tiny",)), code=2)
    assert said in err


def test_status_lists_what_is_finished_and_what_is_not(wrank):
    wrank("train", *SMOKE)
    (wrank.store / "model" / ".partial-0123456789abcdef").mkdir()
    out, _ = wrank("status", "artifacts=true")
    assert "tiny-minilm-infonce-s0" in out
    assert "model/.partial-0123456789abcdef" in out
    out, _ = wrank("status")
    assert "smoke-train-" in out, "the run"
    assert "1 finished" in out
    assert "artifacts=true lists them" in out
    assert "tiny-minilm-infonce-s0" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("format=yaml",), "format=yaml: wanted table or json"),
        (("latest=0",), "latest=0: wanted a whole number from 1 up"),
        (("nothing",), "no sweep was started with this store"),
        (("a", "b"), "a, b: wanted the name of one sweep"),
    ],
)
def test_status_of_bad_words_says_what_was_wanted(words, said, here):
    _, err = here("status", *words, code=2)
    assert said in err


def test_status_of_an_empty_store_is_no_error(here):
    assert "0 artifacts" in here("status")[0]
    assert here("status", "format=json")[0].strip() == "[]"


def test_installed_from_a_wheel_it_runs_from_another_folder(tmp_path):
    site, folder = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(ROOT)], check=True, capture_output=True, timeout=300)
    environment = os.environ | {"PYTHONPATH": str(site), "WRANK_STORE": str(folder / "store"), "OMP_NUM_THREADS": "1"}
    code = "import wrank, wrank.cli; print(wrank.__file__); wrank.cli.main()"
    command = [sys.executable, "-c", code, "evaluate", "data=sample", "model=tiny"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split("\n")[0]).is_relative_to(site)
    assert "nDCG@10" in done.stdout
