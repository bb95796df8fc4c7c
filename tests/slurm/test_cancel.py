"""Jobs that wait in a real queue: taken along by the same line, told truly, cancelled."""

import json
import subprocess
import time

import pytest

from tests.integration.conftest import SMOKE
from tests.slurm.conftest import SLURM, SlurmWrank

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]
NEVER = "hydra.launcher.extra=[begin:now+1hour]"
LINE = ("train", "-m", *SMOKE, "loss=kl,ws2", "study=waits", *SLURM)


@pytest.fixture
def wrank(slurm, tmp_path):
    one = SlurmWrank(tmp_path, slurm)
    yield one
    for sweep in sweeps(one):
        ids = {job["slurm"].partition("_")[0] for job in sweep["jobs"] if job["slurm"]}
        subprocess.run(["scancel", "--quiet", *ids], env=one.environment)


def sweeps(wrank):
    return [json.loads(path.read_text()) for path in sorted(wrank.store.glob(".sweeps/*/sweep.json"))]


def states(wrank):
    return [[job["state"] for job in sweep["jobs"]] for sweep in json.loads(wrank("status", "format=json")[0])]


def queued(wrank):
    ids = {job["slurm"] for sweep in sweeps(wrank) for job in sweep["jobs"] if job["slurm"]}
    known = subprocess.run(["squeue", "-h", "-r", "-o", "%i"], env=wrank.environment, capture_output=True, text=True)
    return ids & set(known.stdout.split())


def test_same_line_takes_along_what_waits_and_cancel_takes_it_out_of_the_queue(wrank):
    wrank(*LINE, NEVER, "--detach")
    first = queued(wrank)
    assert len(first) == 2
    end = time.monotonic() + 90
    while "waits: BeginTime" not in wrank("status", "waits")[0]:  # Slurm says why after it has looked at the job
        assert time.monotonic() < end
    _, err = wrank(*LINE, NEVER, "--detach")
    assert "0 of 2 jobs started, 2 are at work or queued already" in err
    assert queued(wrank) == first

    conf, wrank.conf = wrank.conf, str(wrank.folder / "none.conf")  # a shell that does not know this Slurm
    _, err = wrank("cancel", "waits", code=2)
    assert "Slurm does not answer, so nothing was stopped" in err
    wrank.conf = conf
    assert queued(wrank) == first
    assert states(wrank)[-1] == ["queued", "queued"]

    wrank("cancel", "waits")
    assert queued(wrank) == set()
    assert states(wrank)[-1] == ["cancelled", "cancelled"]
    assert all(one in ("cancelled", "lost") for one in states(wrank)[0])
