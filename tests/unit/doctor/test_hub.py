"""The hub is asked only when told to; what it answers is told without the token."""

from dataclasses import replace

import pytest

from wrank.doctor import hub
from wrank.doctor.base import State


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "has_token", lambda: False)


def test_nothing_leaves_the_machine_by_default(settings, monkeypatch):
    monkeypatch.setattr(hub, "ask_hub", lambda: pytest.fail("it was asked"))
    found = hub.look(settings)
    assert (found.state, found.found) == (State.ABSENT, "not tried")
    assert "network=true" in found.advice[0]


def test_offline_by_the_users_own_word(settings, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(hub, "ask_hub", lambda: pytest.fail("it was asked"))
    assert hub.look(replace(settings, network=True)).state == State.ABSENT


def test_hub_that_answers_is_well(settings, monkeypatch):
    monkeypatch.setattr(hub, "ask_hub", lambda: None)
    found = hub.look(replace(settings, network=True))
    assert found.state == State.OK
    assert "no token" in found.found


def test_hub_that_cannot_be_reached_is_a_warning_with_what_works_without(settings, monkeypatch):
    def silent():
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "ask_hub", silent)
    found = hub.look(replace(settings, network=True))
    assert found.state == State.WARNING
    assert "ConnectionError: no route" in found.found
    assert "model=minilm" in found.advice[0]


def test_one_public_model_is_asked_for_with_a_limit(monkeypatch):
    import huggingface_hub

    asked = []
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, name, timeout: asked.append((name, timeout)))
    hub.ask_hub()
    assert asked == [(hub.MODEL, 5.0)]
