"""A job's part in a search: it tells its trial the scores, is pruned by the median of others, gives an objective."""

import importlib.util
import json
import pickle
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from wrank.errors import Pruned, WrankError
from wrank.stage.trial import Report, report_of, tunable
from wrank.stage.tuning import Range, Rules, Search
from wrank.store import Store

needs_optuna = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="pip install 'wrank[tune]'")


def context(tmp_path, trial):
    return SimpleNamespace(cfg=OmegaConf.create({"trial": trial}), store=Store(tmp_path / "store"))


def search(tmp_path, **rules):
    return Search(tmp_path / "store", "one", {"x": Range(0, 1)}, Rules(**({"least_trials": 2} | rules)))


def report(found, number):
    return Report(found.path, found.name, number)


def finished(found, *curves):
    for curve in curves:
        number = found.ask().number
        for step, score in curve.items():
            report(found, number)(step, score)
        found.tell(number, max(curve.values()))


@needs_optuna
@pytest.mark.parametrize(
    ("rules", "score", "pruned"),
    [
        ({}, 0.2, True),
        ({}, 0.6, False),  # better than the median of 0.3 and 0.5
        ({"prune": "none"}, 0.2, False),
        ({"least_trials": 3}, 0.2, False),
        ({"warm_up": 11}, 0.2, False),
    ],
)
def test_a_trial_below_the_median_at_its_step_is_pruned_as_the_rules_say(rules, score, pruned, tmp_path):
    found = search(tmp_path, **rules)
    finished(found, {10: 0.3, 20: 0.9}, {10: 0.5, 20: 0.9})
    number = found.ask().number
    assert report(found, number)(10, score) is pruned
    told = found.tell(number, None if pruned else 0.9)
    assert (told.state, told.score) == (("pruned", score) if pruned else ("complete", 0.9))


@needs_optuna
def test_a_pruned_trial_whose_command_died_is_told_and_not_started_again(tmp_path):
    found = search(tmp_path)
    finished(found, {10: 0.3}, {10: 0.5})
    assert report(found, found.ask().number)(10, 0.1)
    again = search(tmp_path)
    assert not again.unfinished()
    assert again.trials[2].state == "pruned"


@needs_optuna
def test_a_step_that_was_reported_before_a_kill_counts_once(tmp_path, recwarn):
    found = search(tmp_path)
    number = found.ask().number
    one = pickle.loads(pickle.dumps(report(found, number)))  # as spawned ranks get it
    assert not one(10, 0.4)
    assert not one(10, 0.7)
    assert found._study.trials[number].intermediate_values == {10: 0.4}
    assert not recwarn.list


@needs_optuna
def test_a_search_that_is_gone_stops_no_training(tmp_path, caplog):
    assert Report(tmp_path / "none" / "x.journal", "x", 0)(1, 0.5) is False
    assert "not reported" in caplog.text


@needs_optuna
def test_a_job_finds_its_trial_by_the_word_on_its_command_line(tmp_path):
    found = search(tmp_path)
    number = found.ask().number
    assert report_of(context(tmp_path, f"one/{number}"), 5) == report(found, number)
    found.tell(number, 0.5)
    assert report_of(context(tmp_path, f"one/{number}"), 5) is None  # over: the training is a whole one
    assert report_of(context(tmp_path, None), 0) is None


@pytest.mark.parametrize("trial", ["one", "other/0", "one/x", "one/7", "/1"])
def test_a_trial_that_is_none_is_refused(trial, tmp_path):
    if trial == "one/7":
        pytest.importorskip("optuna", reason="pip install 'wrank[tune]'")
        search(tmp_path).ask()
    with pytest.raises(WrankError, match="trial="):
        report_of(context(tmp_path, trial), 5)


@needs_optuna
def test_a_trial_without_dev_queries_is_refused_before_the_training(tmp_path):
    search(tmp_path).ask()
    with pytest.raises(WrankError, match=r"data\.dev_share"):
        report_of(context(tmp_path, "one/0"), 0)


def manifest(tmp_path, **result):
    facts = {"key": "k", "kind": "model", "finished": "now", "content_key": "c", "result": result}
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    return str(tmp_path)


def test_the_objective_is_the_best_dev_score_and_nothing_of_the_test_split(tmp_path):
    evaluations = {"x": {"measures": {"nDCG@10": 0.99}}}
    made = {"model": manifest(tmp_path, best_dev=0.25), "evaluations": evaluations}
    assert tunable(lambda context: made)(context(tmp_path, None)) == {**made, "objective": 0.25}


def test_a_training_without_dev_queries_has_no_objective(tmp_path):
    made = {"model": manifest(tmp_path, steps=3)}
    assert tunable(lambda context: made)(context(tmp_path, None)) == made


def test_a_pruned_job_ends_well_with_no_model(tmp_path):
    def verb(context):
        raise Pruned(4, 0.5)

    assert tunable(verb)(context(tmp_path, "one/0")) == {"pruned": {"step": 4, "score": 0.5}}
