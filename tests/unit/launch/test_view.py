"""The table of a sweep."""

import time

from wrank.launch.record import JobRecord
from wrank.launch.state import JobState
from wrank.launch.sweep import SweepJob, SweepRecord
from wrank.launch.view import print_sweep, print_sweeps

PROGRESS = {"label": "training", "done": 1500, "total": 3000, "unit": "steps", "before": 0}


def test_table_shows_what_tells_jobs_apart_and_how_a_failure_ends(tmp_path, capsys):
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "out.log").write_text("step 3\n[bold]CUDA out of memory[/]\n")
    words = ("data=sample", "loss=kl", "tags=[a]"), ("data=sample", "loss=ws2", "tags=[b]"), ("data=sample", "loss=x")
    jobs = [SweepJob(number, own, "k", str(tmp_path / str(number)), number == 2) for number, own in enumerate(words)]
    sweep = SweepRecord("night", "run", (), "/", str(tmp_path), "local", jobs, 1e9, "h", 1, "abcdef0123")
    now = time.time()
    running = JobRecord("run", (), state="running", host="node7", started=now - 60, starts=2)
    states = [
        JobState(jobs[0], "running", running, PROGRESS | {"began": now - 60, "at": now}),
        JobState(jobs[1], "failed", JobRecord("run", (), started=5.0, ended=2.0), {}, "out of [memory]"),
        JobState(jobs[2], "finished", None, {}),
    ]
    print_sweep(sweep, states)
    out = capsys.readouterr().out
    assert "night: 1 running, 1 failed, 1 finished (1 of them before) (local, commit abcdef0)" in out
    assert "data=sample" not in out
    assert "loss=kl tags=[a]" in out
    assert "training 1,500 of 3,000 steps" in out
    assert "0:01:00" in out
    assert "node7" in out
    assert "#1 failed: out of [memory]" in out
    assert "[bold]CUDA out of memory[/]" in out
    assert "-1 day" not in out, "a clock that jumped"


def test_sweep_without_progress_commit_or_jobs_is_shown(tmp_path, capsys):
    sweep = SweepRecord("empty", "run", (), "/", str(tmp_path), "slurm")
    print_sweep(sweep, [])
    print_sweeps([(sweep, [])])
    assert "commit unknown" in capsys.readouterr().out
