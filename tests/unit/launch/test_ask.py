"""Questions about a sweep from outside it."""

import pytest

from wrank.errors import WrankError
from wrank.launch.ask import asked_sweep, states_now
from wrank.launch.record import folder_lock
from wrank.launch.sweep import SweepJob, SweepRecord


@pytest.mark.parametrize(
    ("value", "wanted"), [(None, None), ([], None), ("a", "a"), (["a"], "a"), (7, "7"), ([7], "7"), (0, "0")]
)
def test_one_name_or_none(value, wanted):
    assert asked_sweep(value) == wanted


def test_several_names_are_refused():
    with pytest.raises(WrankError, match="a, 3: wanted the name of one sweep"):
        asked_sweep(["a", 3])


def test_job_waits_as_long_as_the_command_that_would_start_it(tmp_path):
    job = SweepJob(0, (), "k", str(tmp_path / "0"))
    sweep = SweepRecord("n", "run", (), "/", str(tmp_path), "local", [job])
    with folder_lock(tmp_path):
        assert [state.state for state in states_now(sweep)] == ["queued"]
    assert [state.state for state in states_now(sweep)] == ["lost"]
