"""The record of a running job."""

from contextlib import suppress

import pytest
from hydra.core.hydra_config import HydraConfig

from wrank.command import job as module
from wrank.errors import Stopped, WrankError
from wrank.launch.record import is_held, read_record


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, True),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, True),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, False),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "1"}, True),
        ({"RANK": "1", "LOCAL_RANK": "1"}, False),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "1"}, True),
    ],
)
def test_one_rank_of_a_job_keeps_its_record(given, first, monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_NTASKS", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert module._is_first_rank() is first


def test_choices_are_our_own_groups():
    chosen = {"loss": "kl", "hydra/launcher": "local", "schema": "run", "sweep": None, "debug": "null", "data/mix": "x"}
    assert module.own_choices(chosen) == {"loss": "kl", "data/mix": "x"}


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (None, "finished", ""),
        (WrankError("no such file"), "failed", "no such file"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (Stopped("stopped at step 3"), "preempted", "stopped at step 3"),
        (KeyboardInterrupt(), "preempted", "stopped by a signal"),
        (SystemExit(-1), "preempted", "stopped by a signal"),
    ],
)
def test_every_end_is_recorded_and_the_lock_let_go(error, state, said, tmp_path, monkeypatch):
    class Hydra:
        class job:
            config_name = "run"

        class overrides:
            task = ("loss=kl",)

    class Context:
        cfg = {"study": "s"}  # noqa: RUF012

        class store:
            root = tmp_path / "store"

    monkeypatch.setattr(HydraConfig, "get", lambda: Hydra)
    monkeypatch.setattr(module, "note_single", lambda *_: None)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    for turn in (1, 2):
        held = []
        with suppress(type(error) if error else ()), module._recorded(tmp_path, "key", Context):
            held.append((is_held(tmp_path), read_record(tmp_path).state))
            if error is not None:
                raise error
        assert held == [(True, "running")]
        record = read_record(tmp_path)
        assert (record.state, record.failed, record.starts, record.key) == (state, said, turn, "key")
        assert record.overrides == ("loss=kl",)
        assert not is_held(tmp_path)


def test_job_whose_configuration_changed_since_it_was_queued_is_refused(monkeypatch):
    monkeypatch.delenv("WRANK_JOB_KEY", raising=False)
    module._check_queued("a")
    monkeypatch.setenv("WRANK_JOB_KEY", "a")
    module._check_queued("a")
    with pytest.raises(WrankError, match="edited meanwhile; start the same line again"):
        module._check_queued("b")
