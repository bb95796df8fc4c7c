"""Which commit runs, and whether a queued job would find it."""

import shutil

import pytest

from wrank.doctor import git
from wrank.doctor.base import State

COMMIT = "0123456789abcdef"


@pytest.mark.parametrize(("dirty", "state"), [(False, State.OK), (True, State.WARNING)])
def test_uncommitted_changes_are_a_warning(settings, monkeypatch, dirty, state):
    monkeypatch.setattr(git, "git_state", lambda: {"commit": COMMIT, "dirty": dirty})
    found = git.look(settings)
    assert found.state == state
    assert "commit 0123456789ab;" in found.found


def test_wheel_has_no_commit(settings, monkeypatch):
    monkeypatch.setattr(git, "git_state", dict)
    assert git.look(settings).state == State.ABSENT
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "git is not installed" in git.look(settings).found
