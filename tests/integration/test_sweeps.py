"""Sweeps as a user has them: never twice, never lost, stopped, detached, killed, resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import open_dict

import wrank.data
from tests.integration.conftest import ROOT, SMOKE
from wrank.command.job import plain_config
from wrank.config import conf_folder, register
from wrank.errors import Stopped, WrankError
from wrank.launch import local
from wrank.launch.finished import job_key
from wrank.launch.record import JobRecord, folder_lock
from wrank.launch.sweep import SweepJob, SweepRecord

LOCAL = ("hydra/launcher=local", "hydra.launcher.allow_dirty=true", "hydra.launcher.jobs_at_once=2")
LONG = ("train", "-m", *SMOKE, *LOCAL, "loss=kl")
SAMPLE = Path(wrank.data.__file__).parent / "sample"


def jobs_of(wrank):
    """The latest sweep as ``wrank status`` tells it to programs."""
    out, _ = wrank("status", "format=json", "latest=1")
    return json.loads(out)[-1]


def wait_for(happened, seconds=120):
    until = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def record_of(wrank, number, state="running"):
    """The record of a job of the only sweep, once it is in a state."""

    def look():
        for path in wrank.folder.glob(f"multirun/*/*/{number}/job.json"):
            facts = json.loads(path.read_text())
            if facts["state"] == state and facts["started"]:
                return facts | {"folder": path.parent}
        return None

    return wait_for(look)


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[-1].split()[0]
    except OSError:
        return False


def wait_for_progress(record):
    wait_for(lambda: (record["folder"] / "progress.json").exists())


def test_same_line_starts_what_failed_or_changed_alone_and_nothing_twice(here, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    good, bad = here.folder / "good data", here.folder / "bad"
    shutil.copytree(SAMPLE, good)
    line = ("evaluate", "-m", "data=beir", f"data.path='{good}',{bad}", "model=tiny", *LOCAL)
    out, err = here(*line, code=1)
    assert "2 of 2 jobs started" in err
    assert "#0 finished:" in err
    assert f"#1 failed: data=beir data.path={bad}" in err
    assert "nDCG@10" in out, "the table goes over the rest"
    assert [job["state"] for job in jobs_of(here)["jobs"]] == ["finished", "failed"]

    shutil.copytree(SAMPLE, bad)
    out, err = here(*line)
    assert "1 of 2 jobs started" in err, "the failed one alone"
    assert "#1 finished" in err
    assert "#0" not in err
    assert "nDCG@10" in out, "what is found is in the table, too"
    assert "0 of 2 jobs started" in here(*line)[1]

    made = len(here.artifacts("evaluation"))
    (good / "qrels" / "test.tsv").touch()
    assert "1 of 2 jobs started" in here(*line)[1], "data that changed"
    assert len(here.artifacts("evaluation")) == made, "what it holds is the same"
    shutil.rmtree(here.artifacts("evaluation")[0])
    monkeypatch.setattr(local.Local, "start", lambda self, planned, *_: refuse(planned))
    _, err = here(*line, code=2)
    assert "2 would start" in err, "an artifact that is gone; both have the same content and so the same artifact"


def refuse(planned):
    raise WrankError(f"{len(planned)} would start")


@pytest.mark.slow
def test_killed_job_is_lost_and_starts_again_alone_and_outlives_the_killed_command(wrank):
    line = (*LONG, "trainer.max_steps=2,200000")
    waiting = wrank.start(*line)
    record = record_of(wrank, 1)
    wait_for_progress(record)
    record_of(wrank, 0, "finished")
    os.kill(record["pid"], signal.SIGKILL)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert "#1 lost: " in err
    assert "killed by SIGKILL" in err
    out, _ = wrank("status")
    assert "1 finished, 1 lost" in out
    assert "#1 lost: killed by SIGKILL" in out
    shutil.rmtree(wrank.folder / "multirun")

    waiting = wrank.start(*line)  # the lost job alone; and now the command that waits is killed
    record = record_of(wrank, 1)
    wait_for_progress(record)
    waiting.kill()
    waiting.communicate()
    sweep = jobs_of(wrank)
    assert [(job["state"], job["found"]) for job in sweep["jobs"]] == [("finished", True), ("running", False)]
    assert alive(record["pid"])
    _, err = wrank("resume", sweep["name"], code=2)
    assert "1 of its jobs are still at work" in err
    wrank("cancel", sweep["name"])
    wait_for(lambda: not alive(record["pid"]))
    assert [job["state"] for job in jobs_of(wrank)["jobs"]] == ["finished", "cancelled"]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_stopped_command_stops_its_jobs_at_a_checkpoint(number, wrank):
    waiting = wrank.start(*LONG, "trainer.max_steps=200000", "seed=0,1", "hydra.launcher.jobs_at_once=1")
    record = record_of(wrank, 0)
    wait_for_progress(record)
    waiting.send_signal(number)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], err
    assert "Traceback" not in err
    wait_for(lambda: not alive(record["pid"]))
    assert record_of(wrank, 0, "preempted")
    assert {job["state"] for job in jobs_of(wrank)["jobs"]} == {"cancelled"}


@pytest.mark.slow
def test_detached_sweep_is_told_cancelled_and_resumed_by_its_name(wrank):
    started = time.monotonic()
    out, _ = wrank(*LONG, "trainer.max_steps=200000", "study=night", "--detach")
    name = out.split("\n")[0]
    assert name.startswith("night-train-")
    assert time.monotonic() - started < 100
    record = record_of(wrank, 0)
    wait_for_progress(record)
    table, _ = wrank("status", name)
    assert "1 running" in table
    assert "training" in table
    log = next(wrank.folder.glob("multirun/*/*/sweep.log"))
    wrank("cancel", name)
    wait_for(lambda: not alive(record["pid"]))
    assert "1 cancelled" in wrank("status", name)[0]
    wait_for(lambda: "#0 " in log.read_text() or "stopped" in log.read_text())
    again = wrank.start("resume", name)
    wait_for(lambda: set(wrank.folder.glob("multirun/*/*/0/progress.json")) - {record["folder"] / "progress.json"})
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=60)
    assert again.returncode == 130


@pytest.mark.slow
def test_detached_sweep_leaves_its_table_in_its_log(wrank):
    out, _ = wrank("evaluate", "data=sample", "model=tiny", "--detach", "hydra.launcher.dry_run=false")
    name = out.split("\n")[0]
    wait_for(lambda: "1 finished" in wrank("status", name)[0])
    (log,) = wrank.folder.glob("multirun/*/*/sweep.log")
    wait_for(lambda: "nDCG@10" in log.read_text())


@pytest.mark.slow
def test_same_line_twice_at_once_does_the_work_once(wrank):
    line = ("run", "-m", *SMOKE, *LOCAL, "loss=kl,infonce")
    both = [wrank.start(*line) for _ in range(2)]
    ends = [(one.communicate(timeout=300), one.returncode) for one in both]
    assert [code for _, code in ends] == [0, 0], ends
    assert len(wrank.artifacts("model")) == 2
    made = [path.read_text().count("model: made in") for path in wrank.folder.glob("multirun/*/*/*/out.log")]
    assert sum(made) == 2
    names = [path.name for path in (wrank.store / ".sweeps").iterdir()]
    assert len(names) == 2


# what follows runs the launcher in this process, with jobs that only write down what they were given


@pytest.fixture
def given(here, monkeypatch):
    """Runs a sweep of such jobs; returns what each was given, and what was told."""
    monkeypatch.setattr(local, "WRANK", (sys.executable, str(ROOT / "tests" / "fixtures" / "fake_job.py")))
    monkeypatch.setattr("wrank.command.launcher.git_state", lambda: {})
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("WRANK_SWEEP", "WRANK_JOB_KEY"):
        monkeypatch.delenv(name, raising=False)

    def sweep(*words, code=0, flags=()):
        known = set(here.folder.rglob("seen.json"))
        _, err = here(*words, "hydra/launcher=local", "hydra.launcher.jobs_at_once=4", *flags, code=code)
        seen = sorted(set(here.folder.rglob("seen.json")) - known, key=lambda path: int(path.parent.name))
        return [json.loads(path.read_text()) for path in seen], err

    return sweep


def key_there(seen, verb="evaluate"):
    """The key of a job that is composed anew from the words that it was given."""
    register()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        words = [word for word in seen["words"] if not word.startswith("hydra.")]
        config = compose(verb, words, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return job_key(verb, plain_config(config))


@pytest.mark.parametrize(
    "words",
    [
        ("name='a b'",),
        ('name="it\'s, [a] {b}"',),
        ("tags=[a,'b c']",),
        ("+evaluation.extra={a:1,b:[x,y]}",),
        ("~evaluation.depth",),
        ("study='a=b'", "name='50% (of) $5'"),
        (r"name='back\slash'",),
        ("name=null", "tags=[]"),
        ("+evaluation.deep.er=1e-5", "++seed=3"),
    ],
    ids=str,
)
def test_odd_words_reach_the_jobs_and_mean_the_same_there(words, given):
    (seen,), _ = given("evaluate", "-m", "data=sample", "model=tiny", *words)
    assert key_there(seen) == seen["environment"]["WRANK_JOB_KEY"]


def test_each_job_gets_its_own_values_and_its_own_folder(given, here):
    jobs, err = given("evaluate", "-m", "model=tiny,minilm", "seed=0,1")
    assert [one["words"][:2] for one in jobs] == [
        ["model=tiny", "seed=0"],
        ["model=tiny", "seed=1"],
        ["model=minilm", "seed=0"],
        ["model=minilm", "seed=1"],
    ]
    assert len({one["environment"]["WRANK_JOB_KEY"] for one in jobs}) == 4
    assert "4 of 4 jobs started" in err
    assert all("hydra.mode=RUN" in one["words"] for one in jobs)


def test_presets_of_sweeps_reach_the_jobs(given):
    jobs, _ = given("run", "-m", "sweep=seeds", "debug=smoke")
    assert len({one["environment"]["WRANK_JOB_KEY"] for one in jobs}) == len(jobs) > 1
    assert key_there(jobs[-1], "run") == jobs[-1]["environment"]["WRANK_JOB_KEY"]


def test_experiments_by_glob_reach_the_jobs_by_name(given):
    jobs, _ = given("run", "-m", "experiment=glob(synthetic_*)", "debug=smoke")
    names = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("synthetic_*.yaml"))
    assert [next(word for word in one["words"] if word.startswith("experiment=")) for one in jobs] == [
        f"experiment={name}" for name in names
    ]


def test_folders_of_options_and_hydras_own_words_reach_the_jobs(given, here):
    own = here.folder / "own conf" / "model"
    own.mkdir(parents=True)
    shutil.copy(ROOT / "conf" / "model" / "tiny.yaml", own / "mine.yaml")
    (one,), _ = given("evaluate", "-m", "model=mine", flags=("--config-dir", str(own.parent)))
    assert one["words"][-2:] == ["--config-dir", str(own.parent)]
    path = f"hydra.searchpath=['file://{own.parent}']"
    (one,), _ = given("evaluate", "-m", "model=mine", path, "hydra.sweep.dir=swept", "hydra.output_subdir=.h")
    assert path in one["words"]
    assert "hydra.output_subdir=.h" in one["words"]
    assert [word.split("=")[0] for word in one["words"] if word.startswith("hydra")] == [
        "hydra.searchpath",
        "hydra.output_subdir",
        "hydra.run.dir",
        "hydra.mode",
    ]


def test_folders_with_odd_names_are_quoted(given, here, monkeypatch):
    odd = here.folder / "it's (a), [place]=1"
    odd.mkdir()
    monkeypatch.setattr(here, "store", odd / "the store")
    here.folder = odd
    monkeypatch.chdir(odd)
    (one,), _ = given("evaluate", "-m", "model=tiny")
    (word,) = [word for word in one["words"] if word.startswith("hydra.run.dir=")]
    parsed = OverridesParser.create().parse_override(word)
    assert Path(parsed.value()).is_relative_to(odd)
    assert "1 finished" in here("status")[0]


@pytest.mark.parametrize(
    ("do", "state", "said"),
    [
        ("fail", "failed", "out of luck"),
        ("crash", "failed", "it ended with exit code 3"),
        ("kill", "lost", "killed by SIGKILL"),
        ("refuse", "failed", "edited meanwhile"),
    ],
)
def test_every_way_to_fail_ends_the_sweep_with_1_and_is_told(do, state, said, given, here, monkeypatch):
    monkeypatch.setenv("FAKE_JOB", do)
    _, err = given("evaluate", "-m", "model=tiny,minilm", code=1)
    assert f"#0 {state}: model=tiny: {said}" in err
    assert f"the log of {do}" in err
    out, _ = here("status")
    assert f"2 {state}" in out
    assert f"the log of {do}" in out


def test_named_folder_is_used_again_without_taking_the_past_for_the_present(given, here, monkeypatch):
    monkeypatch.setenv("FAKE_JOB", "fail")
    given("evaluate", "-m", "model=tiny", "hydra.sweep.dir=swept", code=1)
    monkeypatch.setenv("FAKE_JOB", "sleep")
    (here.folder / "swept" / "0" / "seen.json").unlink()
    (here.folder / "swept" / "0" / "go").touch()
    _, err = given("evaluate", "-m", "model=tiny", "hydra.sweep.dir=swept")
    assert "#0 finished" in err
    with folder_lock(here.folder / "swept"):
        _, err = here("evaluate", "-m", "model=tiny", "hydra/launcher=local", "hydra.sweep.dir=swept", code=2)
        assert "another sweep works in this folder" in err


@pytest.mark.parametrize("error", [Stopped("by a signal"), SystemExit(3), KeyboardInterrupt()])
def test_a_job_that_was_stopped_leaves_sigterm_as_it_was(error, here, monkeypatch):
    """What its process starts next would inherit that it is ignored."""
    ignored = []

    def stop(*words):
        monkeypatch.setattr("wrank.command.job.JobRecord.over", over)
        raise error

    def over(record, *words):
        ignored.append(signal.getsignal(signal.SIGTERM))
        return record

    monkeypatch.setattr("wrank.command.evaluate.test_sets", stop)
    before = signal.getsignal(signal.SIGTERM)
    here("evaluate", "model=tiny", code={Stopped: 143, SystemExit: 3, KeyboardInterrupt: 130}[type(error)])
    assert ignored == [signal.SIG_IGN], "while it is written down"
    assert signal.getsignal(signal.SIGTERM) == before


def test_edited_option_between_queueing_and_start_is_refused(here, monkeypatch):
    monkeypatch.setenv("WRANK_JOB_KEY", "0" * 64)
    monkeypatch.setenv("WRANK_SWEEP", str(here.folder))
    _, err = here("evaluate", "model=tiny", "data=sample", "hydra.run.dir=job", code=2)
    assert "no longer the one that it was queued with" in err
    assert not here.artifacts("evaluation")
    facts = json.loads((here.folder / "job" / "result.json").read_text())
    assert "start the same line again" in facts["failed"]


def test_code_that_is_not_committed_is_refused_unless_told(given, here, monkeypatch):
    monkeypatch.setattr("wrank.command.launcher.git_state", lambda: {"dirty": True, "commit": "abc"})
    jobs, err = given("evaluate", "-m", "model=tiny", code=2)
    assert not jobs
    assert "hydra.launcher.allow_dirty=true" in err
    assert "no sweep" in here("status", "nothing", code=2)[1], "nothing is recorded"
    jobs, _ = given("evaluate", "-m", "model=tiny", "hydra.launcher.allow_dirty=true")
    assert len(jobs) == 1
    assert "commit abc" in here("status")[0]


def test_full_disk_for_the_records_is_told_and_stops_no_job(given, here, monkeypatch):
    (here.store).mkdir()
    (here.store / ".sweeps").write_text("a file where a folder is wanted")
    jobs, err = given("evaluate", "-m", "model=tiny,minilm")
    assert len(jobs) == 2
    assert "this sweep could not be recorded, so `wrank status` does not know it" in err
    assert "#1 finished" in err


def test_full_disk_for_a_jobs_record_stops_no_job(here, monkeypatch):
    for name in (
        "wrank.launch.record.write_atomic",
        "wrank.launch.finished.write_atomic",
        "wrank.command.job.write_atomic",
    ):
        monkeypatch.setattr(name, lambda *_: (_ for _ in ()).throw(WrankError("disk full")))
    out, _ = here("evaluate", "model=tiny", "data=sample")
    assert "nDCG@10" in out
    assert len(here.artifacts("evaluation")) == 1


def test_result_cut_off_is_told_and_the_table_goes_over_the_rest(given, here, monkeypatch):
    def cut(*words):
        for path in here.folder.rglob("result.json"):
            path.write_text('{"overr')
            break

    monkeypatch.setattr(local.Local, "patience", 0)
    tell = "wrank.command.launcher.WrankLauncher._tell"
    monkeypatch.setattr(tell, cut)
    _, err = given("evaluate", "-m", "model=tiny,minilm")
    assert "cannot be read, so the table lacks this job" in err


def test_verbs_without_jobs_are_not_sent_elsewhere(here):
    _, err = here("report", "-m", "hydra/launcher=local", "hydra.launcher.allow_dirty=true", code=2)
    assert "wrank report with hydra/launcher=local: wanted hydra/launcher=here" in err


@pytest.mark.parametrize("kind", ["here", "local"])
def test_sweep_of_no_jobs_is_told(kind, here, monkeypatch):
    monkeypatch.setattr("wrank.command.launcher.git_state", lambda: {})
    for flags in ((), ("--dry-run",)):
        _, err = here("train", "-m", "experiment=glob(nothing*)", f"hydra/launcher={kind}", *flags, code=2)
        assert "the sweep has no jobs" in err


def test_launcher_that_is_named_runs_one_job_too(given):
    (seen,), _ = given("evaluate", "model=tiny")
    assert "hydra.mode=RUN" in seen["words"]


def test_flags_that_start_nothing_are_refused_where_nothing_is_started(here):
    for verb in ("status", "report", "doctor"):
        _, err = here(verb, "--dry-run", code=2)
        assert "there is no --dry-run" in err
    _, err = here("sync", "--dry-run", code=2)
    assert "Key" not in err  # dry_run=true, and no W&B folder here


def test_records_that_are_cut_off_are_skipped_with_a_word(given, here):
    given("evaluate", "-m", "model=tiny", "study=first")
    given("evaluate", "-m", "model=tiny", "study=second")
    (path,) = here.store.glob(".sweeps/first-*/sweep.json")
    path.write_text(path.read_text()[:50])
    out, err = here("status")
    assert f"{path}: cannot be read, so its sweep is left out" in err
    assert "second-evaluate" in out
    assert "first-evaluate" not in out
    sweeps = json.loads(here("status", "format=json")[0])
    assert [one["name"].partition("-")[0] for one in sweeps] == ["second"]


def test_status_of_300_runs_is_quick_and_needs_no_torch(wrank):
    for number in range(300):
        folder = wrank.folder / "outputs" / str(number)
        folder.mkdir(parents=True)
        job = SweepJob(0, ("loss=kl", f"seed={number}"), "k", str(folder))
        SweepRecord(f"old-{number:03}", "run", (), "/", str(folder), "here", [job], float(number)).write(wrank.store)
        JobRecord("run", job.overrides, "k", "finished").write(folder)
    code = (
        "import sys, time, resource\nfrom wrank.cli import main\n"
        "try: main(['status'])\nexcept SystemExit as end: assert end.code == 0\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('torch' in sys.modules, used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=wrank.folder, env=wrank.environment, capture_output=True, text=True, timeout=60)
    torch, seconds = done.stderr.split()[-2:]
    assert torch == "False"
    assert float(seconds) < 2.0, "of processor time"
    assert "old-299" in done.stdout
    assert "old-289" not in done.stdout


def test_detach_goes_by_its_key_and_for_one_job_as_by_its_flag(here, monkeypatch):
    called = []
    monkeypatch.setattr("wrank.command.detach.run_detached", lambda verb, words: called.append((verb, words)) or 7)
    here("evaluate", "model=tiny", "--detach", code=7)
    here("evaluate", "-m", "model=tiny", "hydra.launcher.detach=true", code=7)
    assert called == [
        ("evaluate", ["model=tiny", "-m"]),
        ("evaluate", ["-m", "model=tiny", "hydra.launcher.detach=true"]),
    ]


def test_resume_is_the_sweeps_own_command_in_its_own_folder(given, here, monkeypatch):
    monkeypatch.setenv("FAKE_JOB", "fail")
    given("evaluate", "-m", "model=tiny", "name='a b'", code=1)
    started = []
    monkeypatch.setattr("wrank.command.resume.restart", lambda *words: started.append(words))
    _, err = here("resume")
    assert "0 of 1 jobs are finished; again: wrank evaluate -m model=tiny" in err
    ((verb, words, cwd),) = started
    assert (verb, cwd) == ("evaluate", str(here.folder))
    assert list(words)[:3] == ["-m", "model=tiny", "name='a b'"]
    here("resume", "hydra.launcher.jobs_at_once=3", "name='x y'")
    assert list(started[-1][1])[-2:] == ["hydra.launcher.jobs_at_once=3", "name='x y'"]
    for verb in ("resume", "cancel"):
        _, err = here(verb, "a", "b", code=2)
        assert "wanted the name of one sweep" in err
    assert "none of its jobs is at work" in here("cancel")[1]
