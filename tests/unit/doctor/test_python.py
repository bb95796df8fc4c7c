"""Which Python: this one is fit, an older one is not."""

import struct
import sys

from wrank.doctor import python
from wrank.doctor.base import State


def test_this_python_is_fit(settings):
    found = python.look(settings)
    assert found.state == State.OK
    assert f"{sys.version_info[0]}.{sys.version_info[1]}." in found.found


def test_older_python_is_a_failure_with_the_way_out(settings, monkeypatch):
    monkeypatch.setattr(python, "LEAST", (9, 9))
    found = python.look(settings)
    assert found.state == State.FAILURE
    assert "older than 9.9" in found.found
    assert "PYTHON=" in found.advice[0]


def test_newer_python_is_told_and_let_pass(settings, monkeypatch):
    monkeypatch.setattr(python, "TESTED", (3, 10))
    found = python.look(settings)
    assert found.state == State.OK
    assert "newer than the 3.10" in found.found


def test_32_bits_are_a_failure(settings, monkeypatch):
    monkeypatch.setattr(struct, "calcsize", lambda kind: 4)
    assert python.look(settings).state == State.FAILURE
