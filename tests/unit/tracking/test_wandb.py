"""Whatever W&B does, the training goes on."""

import logging
import pickle

import pytest

from wrank.errors import WrankError
from wrank.tracking.identity import RunIdentity
from wrank.tracking.wandb import GuardedLogger, WandbTracker

IDENTITY = RunIdentity("model-0123", "tiny-ws2-s0", "study", "train")


def test_unknown_mode_is_refused():
    with pytest.raises(WrankError, match="offline"):
        WandbTracker(mode="ofline")


def test_disabled_tracks_nothing(tmp_path):
    tracker = WandbTracker(mode="disabled", folder=str(tmp_path / "wandb"))
    tracker.start(IDENTITY)
    assert tracker.lightning_loggers() == []
    tracker.log({"x": 1.0})
    tracker.finish(0)
    assert not (tmp_path / "wandb").exists()


def test_service_that_fails_to_start_is_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("x")
    tracker = WandbTracker(folder=str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING):
        tracker.start(IDENTITY)
        tracker.log({"x": 1.0})
        tracker.finish(0)
    assert len(caplog.records) == 1
    assert "goes on without it" in caplog.text
    assert tracker.lightning_loggers() == []


def test_logger_that_raises_in_the_middle_is_a_warning(caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # W&B writes where it stands

    class Run:
        id = name = _attach_id = "r"

        def log(self, *words, **named):
            raise TimeoutError("no answer")

        define_metric = log

    logger = GuardedLogger(experiment=None, offline=True)
    logger._experiment = Run()
    with caplog.at_level(logging.WARNING):
        logger.log_metrics({"x": 1.0}, step=1)
        logger.log_metrics({"x": 1.0}, step=2)
    assert caplog.text.count("no answer") == 1


def test_logger_can_be_sent_to_a_spawned_rank(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger = GuardedLogger(experiment=None, offline=True)
    assert isinstance(pickle.loads(pickle.dumps(logger)), GuardedLogger)
