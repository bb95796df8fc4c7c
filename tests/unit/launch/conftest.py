import sys
from pathlib import Path

import pytest

from wrank.launch import local
from wrank.launch.plan import Needs, Planned
from wrank.launch.sweep import SweepJob, SweepRecord

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def fake_jobs(monkeypatch):
    """Jobs that need no torch in the place of wrank's."""
    monkeypatch.setattr(local, "WRANK", (sys.executable, str(ROOT / "tests" / "fixtures" / "fake_job.py")))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def plan(tmp_path):
    """Makes a sweep of jobs that do what they are told: its record, the jobs, and their commands."""

    def planned(*told, needs=None):
        folder = tmp_path / "a sweep's, folder"
        jobs = [
            SweepJob(number, (f"do={do}",), f"{number}", str(folder / str(number))) for number, do in enumerate(told)
        ]
        record = SweepRecord("name", "run", (), str(tmp_path), str(folder), "local", jobs, host="here")
        commands = {job.number: ["run", *job.overrides[0].split(), f"hydra.run.dir={job.folder}"] for job in jobs}
        return record, [Planned(job, needs or Needs(), {}) for job in jobs], commands

    return planned
