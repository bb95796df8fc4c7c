"""A real Slurm, where one answers: ``eval "$(../shared/tools/start-slurm)"`` starts one on this machine."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.integration.conftest import ROOT, Wrank

READER = ROOT.parent / "shared" / "tools" / "read_wandb.py"
SLURM = (
    "hydra/launcher=slurm",
    "hydra.launcher.allow_dirty=true",
    "hydra.launcher.cpus_per_device=1",
    "hydra.launcher.mem_gb_per_device=2",
)


class SlurmWrank(Wrank):
    """Runs ``wrank`` on the login node of a real Slurm."""

    def __init__(self, folder, conf):
        super().__init__(folder)
        self.conf = conf

    @property
    def environment(self):
        return super().environment | ({"SLURM_CONF": self.conf} if self.conf else {}) | {"WANDB_API_KEY": "hunter2" * 6}

    def wandb_runs(self):
        """Every offline file of W&B under the store, read."""
        if not READER.is_file():
            pytest.skip("needs shared/tools/read_wandb.py")
        files = sorted((self.store / "wandb").rglob("run-*.wandb"))
        return [
            json.loads(subprocess.run([sys.executable, READER, file], capture_output=True, check=True).stdout)
            for file in files
        ]


@pytest.fixture(scope="session")
def slurm():
    """The place of Slurm's configuration, "" for the default; skips where Slurm does not answer."""
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm here: sinfo is not installed")
    asked = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
    if asked.returncode or not asked.stdout.strip():
        pytest.skip(f"Slurm does not answer: {asked.stderr.strip()}")
    return os.environ.get("SLURM_CONF", "")
