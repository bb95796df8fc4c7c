"""W&B: installed, logged in without a word of the key, room for its files, and a real offline run when asked."""

from dataclasses import replace

import pytest

from wrank.doctor import wandb
from wrank.doctor.base import GIB, State

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """Nobody is logged in."""
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_installed_and_nobody_logged_in_is_well(settings):
    found = wandb.look(settings)
    assert found.state == State.OK
    assert "not logged in" in found.found
    assert "offline" in found.found
    assert not settings.store.exists()


def test_login_by_the_environment_is_told_without_the_key(settings, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    found = wandb.look(settings)
    assert "logged in (WANDB_API_KEY)" in found.found
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("machine", "server", "logged_in"),
    [
        ("api.wandb.ai", None, True),
        ("api.wandb.ai", "https://wandb.example.org", False),
        ("wandb.example.org", "https://wandb.example.org", True),
    ],
)
def test_login_of_the_netrc_file_counts_for_its_server(settings, nobody, monkeypatch, machine, server, logged_in):
    (nobody / ".netrc").write_text(f"machine {machine}\n  login user\n  password {KEY}\n")
    if server:
        monkeypatch.setenv("WANDB_BASE_URL", server)
    found = wandb.look(settings)
    assert ("logged in (.netrc)" in found.found) == logged_in
    assert KEY not in repr(found)


def test_broken_netrc_file_is_a_warning_without_its_content(settings, nobody):
    (nobody / ".netrc").write_text(f"{KEY}\n")
    found = wandb.look(settings)
    assert found.state == State.WARNING
    assert KEY not in repr(found)


def test_missing_package_is_not_here(settings, monkeypatch):
    monkeypatch.setattr(wandb, "installed", lambda name: None)
    assert wandb.look(settings).state == State.ABSENT


def test_missing_program_of_the_package_is_a_failure(settings, monkeypatch):
    assert wandb.has_core()
    monkeypatch.setattr(wandb, "has_core", lambda: False)
    found = wandb.look(settings)
    assert found.state == State.FAILURE
    assert "wandb-core" in found.found


def test_waiting_runs_are_counted(settings):
    for number in range(2):
        (settings.folders["wandb"] / "wandb" / f"offline-run-{number}").mkdir(parents=True)
    assert "2 offline runs in" in wandb.look(settings).found


def test_full_disk_is_a_warning(settings, monkeypatch):
    monkeypatch.setattr(wandb, "free_space", lambda folder: (0.1 * GIB, 1.0))
    found = wandb.look(settings)
    assert found.state == State.WARNING
    assert "paths.wandb" in found.advice[0]


def test_deep_writes_a_real_offline_run(settings, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    found = wandb.look(replace(settings, deep=True))
    assert found.state == State.OK, found
    assert "an offline run was written" in found.found


def test_offline_run_that_fails_is_a_failure_with_the_reason(settings, monkeypatch):
    monkeypatch.setattr(wandb, "answer", lambda *words: {"well": False, "warned": "W&B: a full disk"})
    found = wandb.look(replace(settings, deep=True))
    assert found.state == State.FAILURE
    assert "W&B: a full disk" in found.found


def test_server_is_asked_only_with_the_network_and_any_answer_is_one(settings, monkeypatch):
    asked = []

    def answered(request, timeout):
        asked.append(request.full_url)
        raise type("Refused", (Exception,), {"code": 405})

    monkeypatch.setattr(wandb, "urlopen", answered)
    wandb.look(settings)
    assert asked == []
    assert wandb.look(replace(settings, network=True)).state == State.OK
    assert asked == ["https://api.wandb.ai"]


def test_server_that_does_not_answer_is_a_warning(settings, monkeypatch):
    def silent(request, timeout):
        raise TimeoutError("timed out")

    monkeypatch.setattr(wandb, "urlopen", silent)
    found = wandb.look(replace(settings, network=True))
    assert found.state == State.WARNING
    assert "TimeoutError: timed out" in found.found
