"""Settings whose folders do not exist yet, as on a new machine."""

import shutil

import pytest

from wrank.doctor.base import Settings


@pytest.fixture
def settings(tmp_path):
    store = tmp_path / "new" / "store"
    return Settings(folders={"store": store, "wandb": store / "wandb"}, models=store / "language-model")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts shell scripts in place of programs; nothing else but cat is on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cat").symlink_to(shutil.which("cat"))
    monkeypatch.setenv("PATH", str(folder))

    def write(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write
