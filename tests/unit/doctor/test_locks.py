"""Locks between real processes, and the three ways in which they can be worth nothing."""

import sys

import pytest

from wrank.doctor import locks
from wrank.doctor.base import State
from wrank.doctor.locks import try_locks
from wrank.doctor.mounts import Mount


def test_locks_of_this_disk_hold_and_nothing_is_left(settings, tmp_path):
    found = locks.look(settings)
    assert found.state == State.OK
    assert "a second process was refused" in found.found
    assert list(tmp_path.iterdir()) == []


def test_lock_that_keeps_nobody_out_is_a_failure(settings, monkeypatch):
    monkeypatch.setattr(locks, "answer", lambda name, path: {"refused": False})
    found = locks.look(settings)
    assert found.state == State.FAILURE
    assert "keeps nobody out" in found.found
    assert "paths.store" in found.advice[0]


def test_holder_without_a_lock_is_found_by_the_second_process(tmp_path, monkeypatch):
    """The holder says it holds, but the file system gave it nothing."""
    lie = "import sys; print('held', flush=True); sys.stdin.read()"
    monkeypatch.setattr(locks, "command", lambda name, path: [sys.executable, "-c", lie])
    (problem,) = try_locks(tmp_path / "lock")
    assert "keeps nobody out" in problem.what


def test_lock_of_a_killed_process_that_stays_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "answer", lambda name, path: {"refused": True})
    (problem,) = try_locks(tmp_path / "lock")
    assert "not freed" in problem.what


def test_lock_that_cannot_be_taken_is_told_by_its_error(tmp_path):
    (problem,) = try_locks(tmp_path / "no" / "folder" / "lock" / ("x" * 300))
    assert problem.state == State.FAILURE
    assert "no lock could be taken" in problem.what


def test_second_process_that_dies_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "answer", lambda name, path: {"died": "exit code 1: no filelock"})
    (problem,) = try_locks(tmp_path / "lock")
    assert "no filelock" in problem.what


def test_rename_that_copies_in_part_is_a_failure(tmp_path, monkeypatch):
    from pathlib import Path

    def half(self, target):
        target.mkdir()
        (target / "file").write_text("")

    monkeypatch.setattr(Path, "rename", half)
    assert locks.try_rename(tmp_path)


def test_store_that_cannot_be_written_is_a_failure(settings, monkeypatch):
    def refuse(**words):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks.tempfile, "mkdtemp", refuse)
    found = locks.look(settings)
    assert found.state == State.FAILURE
    assert "Permission denied" in found.found


@pytest.mark.parametrize(
    ("mount", "state", "words"),
    [
        (Mount("nfs4"), State.OK, "nfs4, shared between machines"),
        (Mount("nfs", frozenset({"nolock"})), State.WARNING, "mounted with nolock"),
        (Mount("ext4"), State.OK, "ext4, of this machine alone"),
        (Mount(""), State.OK, "unknown kind"),
    ],
)
def test_network_file_systems_are_told(settings, monkeypatch, mount, state, words):
    monkeypatch.setattr(locks, "mount_of", lambda folder: mount)
    monkeypatch.setattr(locks, "try_locks", lambda path: [])
    found = locks.look(settings)
    assert found.state == state
    assert words in found.found
