"""However a job ends, its run is closed so that W&B knows how."""

import time
from contextlib import nullcontext

import pytest

from wrank.errors import Pruned, Stopped
from wrank.tracking.base import Tracker, closing, pause_open


class Kept(Tracker):
    def __init__(self):
        self.told = []

    def log(self, figures):
        self.told.append(figures)

    def pause(self):
        self.told.append("paused")

    def finish(self, exit_code):
        self.told.append(exit_code)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, 0),
        (Stopped("at step 3"), "paused"),
        (SystemExit(-1), "paused"),
        (ValueError("x"), 1),
        (KeyboardInterrupt(), 1),
    ],
)
def test_a_run_is_closed_as_its_job_ended_and_the_error_goes_on(error, told):
    tracker = Kept()
    with nullcontext() if error is None else pytest.raises(type(error)), closing(tracker) as same:
        assert same is tracker
        if error:
            raise error
    assert tracker.told == [told]


def test_what_is_open_can_be_paused_before_its_block_ends():
    """A scheduler ends all processes of a job that it puts back into its queue, W&B's among them."""
    first, second = Kept(), Kept()
    with closing(first):
        with closing(second):
            pause_open()
        assert (first.told, second.told) == (["paused"], ["paused", 0])
        pause_open()
    pause_open()
    assert (first.told, second.told) == (["paused", "paused", 0], ["paused", 0])


def test_a_server_that_does_not_answer_does_not_hold_a_requeue_back():
    class Hangs(Kept):
        def pause(self):
            time.sleep(60)

    first, second = Hangs(), Kept()
    began = time.monotonic()
    with closing(second), closing(first):
        pause_open(patience=0.5)
        assert time.monotonic() - began < 30
        assert second.told == ["paused"]
        first.pause = lambda: None


def test_a_pruned_training_is_over_and_says_where_and_with_what_score():
    """W&B would show it as preempted: as one that is waited for."""
    tracker = Kept()
    with pytest.raises(Pruned), closing(tracker):
        raise Pruned(4, 0.5)
    assert tracker.told == [{"pruned/step": 4, "pruned/score": 0.5}, 0]


def test_a_tracker_that_tracks_nothing_takes_everything(tmp_path):
    tracker = Tracker()
    tracker.table("t", ["a"], iter([[1]]))
    tracker.page("p", tmp_path / "none.html")
    tracker.table("t", ["a"], iter([["x"]]), texts=["a"])
    tracker.artifact(tmp_path, "used")
    tracker.data("sample", "f" * 64, {})
    tracker.pause()
    assert not tracker.wants_artifacts
