"""A search: rules that are checked, values by position, and states that only the searching command sets."""

import pytest

from wrank.errors import WrankError
from wrank.stage.tuning import Range, Rules, Search

pytest.importorskip("optuna", reason="pip install 'wrank[tune]'")

SPACE = {"rate": Range(1e-6, 1e-4, log=True), "loss": ["kl", "ws2"], "size": Range(2, 8, whole=True, step=2)}


def search(tmp_path, **rules):
    return Search(tmp_path / "store", "one", SPACE, Rules(**rules))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_values_lie_in_their_ranges_and_are_words_of_a_command_line(sampler, tmp_path):
    found = search(tmp_path, sampler=sampler, startup=2)
    for _ in range(6):
        trial = found.ask()
        assert 1e-6 <= float(trial.values["rate"]) <= 1e-4
        assert trial.values["loss"] in ("kl", "ws2")
        assert int(trial.values["size"]) in (2, 4, 6, 8)
        assert found.tell(trial.number, 0.5).state == "complete"


def test_a_seed_decides_the_values_and_another_one_changes_them(tmp_path):
    draws = [search(tmp_path / str(place), seed=seed).ask().values for place, seed in enumerate((0, 0, 1))]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_the_search_learns_to_prefer_what_scored_well(tmp_path):
    found = search(tmp_path, startup=6)
    for _ in range(24):
        trial = found.ask()
        found.tell(trial.number, 1.0 if trial.values["loss"] == "ws2" else 0.0)
    chosen = [trial.values["loss"] for trial in found.trials]
    assert chosen[12:].count("ws2") > 8


def test_a_file_that_is_opened_again_holds_its_trials(tmp_path):
    first = search(tmp_path)
    first.tell(first.ask().number, 0.25)
    first.ask()
    again = search(tmp_path)
    assert [(one.state, one.score) for one in again.trials] == [("complete", 0.25), ("running", None)]
    assert [one.number for one in again.unfinished()] == [1]


def test_a_failed_trial_is_queued_once_more_and_not_again(tmp_path):
    found = search(tmp_path)
    trial = found.ask()
    assert found.tell(trial.number, None, "no room").state == "fail"
    found.retry_failed()
    found.retry_failed()
    assert found.ask().values == trial.values
    assert len(found.trials) == 2


@pytest.mark.parametrize(
    "rules",
    [{"sampler": "grid"}, {"prune": "hard"}, {"startup": 0}, {"seed": -1}, {"least_trials": 0}, {"warm_up": 1.5}],
)
def test_rules_out_of_range_are_refused(rules):
    with pytest.raises(WrankError, match=next(iter(rules))):
        Rules(**rules)
