"""UTF-8 throughout, or what to set."""

import locale as system
import sys

import pytest

from wrank.doctor import locale
from wrank.doctor.base import State
from wrank.doctor.locale import is_utf8


@pytest.fixture
def encodings(monkeypatch):
    def give(names="utf-8", files="UTF-8", out="utf-8"):
        monkeypatch.setattr(sys, "getfilesystemencoding", lambda: names)
        monkeypatch.setattr(system, "getpreferredencoding", lambda change: files)
        monkeypatch.setattr(sys, "stdout", type("Out", (), {"encoding": out})())

    return give


def test_utf8_is_well(encodings, settings):
    encodings()
    assert locale.look(settings).state == State.OK


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"names": "ascii"}, State.FAILURE),
        ({"files": "ANSI_X3.4-1968"}, State.WARNING),
        ({"out": "latin-1"}, State.WARNING),
    ],
)
def test_other_encodings_are_told_with_what_to_set(encodings, settings, given, state):
    encodings(**given)
    found = locale.look(settings)
    assert found.state == state
    assert next(iter(given.values())) in found.found
    assert "LC_ALL=C.UTF-8" in found.advice[0]


def test_output_without_an_encoding_is_no_crash(encodings, settings):
    encodings(out=None)
    assert locale.look(settings).state == State.OK


def test_names_of_utf8():
    assert is_utf8("UTF8")
    assert not is_utf8("no such encoding")
