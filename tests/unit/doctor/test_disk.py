"""Free space: each disk once, warnings and failures by the keys, what cannot be written."""

import os
from dataclasses import replace

import pytest

from wrank.doctor import disk
from wrank.doctor.base import GIB, State


@pytest.fixture
def free(monkeypatch):
    def give(gib, names=0.5):
        monkeypatch.setattr(disk, "free_space", lambda folder: (gib * GIB, names))

    return give


def test_this_disk_is_told_and_nothing_is_made(settings):
    found = disk.look(replace(settings, warn_gib=0, least_gib=0))
    assert found.state == State.OK
    assert "GiB free" in found.found
    assert not settings.store.exists()


def test_space_and_file_names_are_really_counted(tmp_path):
    size, names = disk.free_space(tmp_path / "not" / "yet")
    assert size == os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert 0 <= names <= 1


def test_low_disk_is_a_warning_that_names_the_key(settings, free):
    free(10)
    found = disk.look(settings)
    assert found.state == State.WARNING
    assert "10 GiB free" in found.found
    assert "better 20 GiB (warn_gib)" in found.found
    assert any("paths.store" in advice for advice in found.advice)


def test_full_disk_is_a_failure(settings, free):
    free(0.5)
    found = disk.look(settings)
    assert found.state == State.FAILURE
    assert "wanted 1 GiB at the least" in found.found


def test_thresholds_are_the_keys(settings, free):
    free(10)
    assert disk.look(replace(settings, warn_gib=9)).state == State.OK
    assert disk.look(replace(settings, least_gib=11)).state == State.FAILURE


def test_few_file_names_are_a_warning(settings, free):
    free(100, 0.001)
    found = disk.look(settings)
    assert found.state == State.WARNING
    assert "inodes" in found.found


def test_temporary_files_alone_on_their_disk_want_less(settings, free, monkeypatch):
    free(5)
    monkeypatch.setattr(disk, "_by_disk", lambda places: [([disk.TEMPORARY], settings.store)])
    assert disk.look(settings).state == State.OK
    free(1.5)
    found = disk.look(settings)
    assert found.state == State.WARNING
    assert "TMPDIR" in found.advice[0]


def test_places_on_one_disk_are_told_once(settings, free):
    free(100)
    assert disk.look(settings).found.count("100 GiB free") <= 2  # the temporary folder's disk may be another


def test_folder_that_cannot_be_written_is_a_failure(settings, free, monkeypatch):
    free(100)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(settings.store).startswith(str(path)))
    found = disk.look(settings)
    assert found.state == State.FAILURE
    assert "store, wandb" in found.found
    assert "cannot be written" in found.found
    assert "paths.store and paths.wandb" in found.advice[0]


def test_hub_cache_is_where_the_hub_keeps_it(monkeypatch, tmp_path):
    from huggingface_hub import constants

    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if "HF_HOME" not in os.environ and constants.HF_HOME.endswith(".cache/huggingface"):
        assert str(disk.hugging_face_cache()) == constants.HF_HOME
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert disk.hugging_face_cache() == tmp_path / "huggingface"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "own"))
    assert disk.hugging_face_cache() == tmp_path / "own"
