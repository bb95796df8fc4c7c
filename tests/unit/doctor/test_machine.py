"""Limits that a training runs into: open files, shared memory, memory, processors of a control group."""

import resource
import shutil
from collections import namedtuple

import pytest

from wrank.doctor import machine
from wrank.doctor.base import State

Usage = namedtuple("Usage", "total used free")
MEMINFO = "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB"


@pytest.fixture
def fit(monkeypatch, tmp_path):
    """A machine with 16 GiB, half of it free, and generous limits."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_SHARED", tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (65536, 65536))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(8 * 2**30, 0, 8 * 2**30))
    return tmp_path


def test_this_machine_is_told(settings):
    assert "processors" in machine.look(settings).found


def test_fit_machine_is_well(fit, settings):
    found = machine.look(settings)
    assert found.state == State.OK
    assert "8.0 GiB of 16 GiB memory free" in found.found


def test_few_open_files_are_a_warning_with_the_command(fit, settings, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 4096))
    found = machine.look(settings)
    assert found.state == State.WARNING
    assert "only 1,024 open files" in found.found
    assert "`ulimit -n 4096`" in found.advice[0]


def test_unlimited_files_are_well(fit, settings, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert "open files: unlimited" in machine.look(settings).found


def test_small_shared_memory_of_a_container_is_a_warning(fit, settings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(64 * 2**20, 0, 64 * 2**20))
    found = machine.look(settings)
    assert found.state == State.WARNING
    assert "--shm-size" in found.advice[0]


def test_memory_is_limited_by_the_control_group(fit, settings):
    (fit / "memory.max").write_text(str(4 * 2**30))
    (fit / "memory.current").write_text(str(3 * 2**30))
    found = machine.look(settings)
    assert found.state == State.WARNING
    assert "1.0 GiB of 4.0 GiB memory free" in found.found


def test_processors_are_limited_by_the_control_group(fit):
    (fit / "cpu.max").write_text("50000 100000")
    assert machine.processors() == 0.5
    (fit / "cpu.max").write_text("max 100000")
    assert machine.processors() >= 1


def test_unknown_memory_is_no_warning(fit, settings):
    (fit / "meminfo").unlink()
    found = machine.look(settings)
    assert found.state == State.OK
    assert "memory free" not in found.found
