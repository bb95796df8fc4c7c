"""One check that crashes, hangs or cannot be imported spoils none of the others."""

import sys
import time
import types

import pytest

from wrank.doctor import checkup
from wrank.doctor.base import Finding, State
from wrank.doctor.checkup import CHECKS, check_all, chosen, isolated
from wrank.errors import WrankError


@pytest.fixture
def checks(monkeypatch):
    """Replaces the checks by functions."""

    def replace(**functions):
        module = types.ModuleType("wrank.doctor.fake")
        for name, function in functions.items():
            setattr(module, name, function)
        monkeypatch.setitem(sys.modules, "wrank.doctor.fake", module)
        monkeypatch.setattr(checkup, "CHECKS", {name: f"fake.{name}" for name in functions})

    return replace


def well(settings):
    return Finding(State.OK, "well")


def test_every_check_is_a_function_that_is_there():
    from importlib import import_module

    for place in CHECKS.values():
        module, _, function = place.partition(".")
        assert callable(getattr(import_module(f"wrank.doctor.{module}"), function))


def test_crash_is_a_failure_of_that_check_with_type_and_message(checks, settings):
    def crash(settings):
        raise ZeroDivisionError("by nothing\nand more")

    checks(crash=crash, well=well)
    first, second = check_all(settings, ["crash", "well"])
    assert first.finding.state == State.FAILURE
    assert first.finding.found == "the check ended with ZeroDivisionError: by nothing"
    assert "only=[crash]" in first.finding.advice[0]
    assert second.finding == Finding(State.OK, "well")


def test_exit_of_a_library_ends_nothing(checks, settings):
    def leave(settings):
        raise SystemExit(7)

    checks(leave=leave)
    assert check_all(settings, ["leave"])[0].finding.found == "the check ended with SystemExit: 7"


def test_module_that_cannot_be_imported_is_a_failure(monkeypatch, settings):
    monkeypatch.setattr(checkup, "CHECKS", {"gone": "no_such_module.look"})
    found = isolated("gone", settings, 5)
    assert found.state == State.FAILURE
    assert "ModuleNotFoundError" in found.found


def test_check_that_hangs_is_given_up(checks, settings):
    checks(hang=lambda settings: time.sleep(3))
    clock = time.monotonic()
    found = isolated("hang", settings, 0.2)
    assert time.monotonic() - clock < 2
    assert (found.state, found.found) == (State.FAILURE, "no answer in 0.2 s")


def test_secret_in_a_message_is_left_out(checks, settings, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")

    def tell(settings):
        raise RuntimeError("401 for key 0123456789abcdef")

    checks(tell=tell)
    assert "0123456789abcdef" not in isolated("tell", settings, 5).found


def test_deep_checks_have_more_time(checks, settings, monkeypatch):
    from dataclasses import replace

    given = []
    monkeypatch.setattr(checkup, "isolated", lambda name, settings, seconds: given.append(seconds) or well(settings))
    checks(well=well)
    check_all(settings, ["well"])
    check_all(replace(settings, deep=True), ["well"])
    assert given == [checkup.SECONDS, checkup.DEEP_SECONDS]


def test_progress_names_each_check(checks, settings):
    said = []
    checks(well=well, fine=well)
    check_all(settings, ["well", "fine"], said.append)
    assert said == ["well", "fine"]


def test_checks_are_chosen_by_name_and_keep_their_order():
    assert chosen([]) == list(CHECKS)
    assert chosen(["locks", "torch"]) == ["torch", "locks"]


def test_unknown_check_names_the_nearest():
    with pytest.raises(WrankError, match="did you mean torch"):
        chosen(["troch"])
    with pytest.raises(WrankError, match="there are python, locale"):
        chosen(["xyz"])
