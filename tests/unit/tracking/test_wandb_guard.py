"""No error and no waiting of a tracking service reaches the job."""

import errno
import logging
import sys
import threading
import time

import pytest

from wrank.tracking.wandb_guard import clean_arguments, never_matters, never_raises, within


class Service:
    def __init__(self, error):
        self.error, self.broken, self.told, self.calls = error, False, set(), 0

    @never_raises
    def log(self):
        self.calls += 1
        raise self.error

    @never_matters
    def page(self, name):
        self.calls += 1
        raise self.error


def test_an_error_is_one_warning_and_nothing_is_tried_again(caplog):
    service = Service(RuntimeError("https://bob:pw@host is down"))
    with caplog.at_level(logging.WARNING):
        service.log()
        service.log()
        service.page("p")
    assert service.calls == 1
    assert caplog.text.count("is down") == 1
    assert "pw@" not in caplog.text


def test_an_error_of_what_stands_beside_the_figures_is_told_once_and_the_figures_go_on(caplog):
    service = Service(ValueError("bad page"))
    with caplog.at_level(logging.WARNING):
        service.page("p")
        service.page("q")
    assert service.calls == 2
    assert not service.broken
    assert caplog.text.count("bad page") == 1


@pytest.mark.parametrize("error", [TimeoutError("no answer"), OSError(errno.ENOSPC, "full")])
def test_a_full_disk_and_an_end_of_patience_end_it_all(error, caplog):
    service = Service(error)
    with caplog.at_level(logging.WARNING):
        service.page("p")
        service.page("q")
    assert service.broken
    assert service.calls == 1
    assert len(caplog.records) == 1


def test_what_takes_too_long_is_left_alone():
    gate, began = threading.Event(), time.monotonic()
    with pytest.raises(TimeoutError, match=r"upload: no answer in 0\.05 s"):
        within(0.05, "upload", gate.wait)
    gate.set()
    assert time.monotonic() - began < 5


def test_what_is_called_raises_as_if_it_had_been_called_here():
    with pytest.raises(ZeroDivisionError):
        within(5, "upload", lambda: 1 / 0)
    within(5, "upload", lambda: None)


def test_arguments_are_clean_while_wandb_looks_at_them_and_as_given_afterwards(monkeypatch):
    given = ["wrank", "engine.api_key=geheim", "loss=kl"]
    monkeypatch.setattr(sys, "argv", given)
    with clean_arguments():
        assert sys.argv == ["wrank", "engine.api_key=***", "loss=kl"]
    assert sys.argv == given
