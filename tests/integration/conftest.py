"""The command line as a user has it: its own process, or in this one where many calls are made."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wrank.cli import main

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ("data=sample", "debug=smoke", "trainer=cpu", "trainer.precision=32-true")


def fault_engine(**faults):
    """Overrides that put the fault engine in place of a language model."""
    given = "".join(f",{key}:{value}" for key, value in faults.items())
    return "~generator.engine", f"+generator.engine={{_target_:tests.fixtures.fault_engine.FaultEngine{given}}}"


class Wrank:
    """Runs ``wrank`` in a folder of its own with a store of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "store"

    @property
    def environment(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "WRANK", "SLURM"))}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "WRANK_STORE": str(self.store),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def start(self, *words):
        command = [sys.executable, "-m", "wrank.cli", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )

    def __call__(self, *words, code=0):
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        if code == 2:
            assert "Traceback" not in err, err
        return out, err

    def artifacts(self, kind):
        return sorted(path for path in (self.store / kind).glob("[!.]*"))


def close_logs():
    """Hydra opens a log file for the process's whole life; in this one the next command would leave it unclosed."""
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.FileHandler) and handler.baseFilename != os.devnull:  # that one is pytest's
            logging.getLogger().removeHandler(handler)
            handler.close()


class Here(Wrank):
    """The same commands in this process: a tenth of the time, where nothing is killed or trained."""

    def __init__(self, folder, monkeypatch, capsys):
        super().__init__(folder)
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words, code=0):
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setenv("WRANK_STORE", str(self.store))
        self.monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        self.capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main(list(words))
        finally:
            close_logs()
        out, err = self.capsys.readouterr()
        assert ended.value.code == code, f"exit code {ended.value.code}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return out, err


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    return Here(tmp_path, monkeypatch, capsys)


@pytest.fixture
def wrank(tmp_path):
    return Wrank(tmp_path)
