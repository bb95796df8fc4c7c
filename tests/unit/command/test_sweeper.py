"""The search's sweeper: which values it tries, what it does with a job's end, and what the same line does again."""

import importlib.util
import json
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from wrank.command.sweep import SEARCH
from wrank.command.sweeper import OptunaSweeper, read_words
from wrank.errors import WrankError
from wrank.stage.tuning import PRUNED, Range

SPACE = ["trainer.learning_rate=tag(log,interval(1e-6,1e-4))", "loss=kl,listnet"]
optuna = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="pip install 'wrank[tune]'")


def value(words, key):
    return next(word.partition("=")[2] for word in words if word.startswith(f"{key}="))


class Launcher:
    """Stands for a launcher: a job's end is what `end` says of its words."""

    def __init__(self, end):
        self.end, self.batches = end, []

    def launch(self, job_overrides, initial_job_idx):
        self.batches.append((initial_job_idx, [list(words) for words in job_overrides]))
        found = []
        for words in job_overrides:
            ended = self.end(list(words))
            status = JobStatus.FAILED if isinstance(ended, Exception) else JobStatus.COMPLETED
            one = JobReturn(overrides=words, status=status)
            one.return_value = ended
            found.append(one)
        return found

    @property
    def jobs(self):
        return [words for _, batch in self.batches for words in batch]


def best_is_small(words):
    return 1.0 - float(value(words, "trainer.learning_rate"))


def sweeper(tmp_path, end=best_is_small, verb="train", dry_run=False, loss="kl", **keys):
    one = OptunaSweeper(**({"trials": 4, "at_once": 1, "max_failures": 2, "startup": 2} | keys))
    one.whole = OmegaConf.create(
        {
            "study": "my study",
            "paths": {"store": str(tmp_path / "store")},
            "loss": {"_target_": loss},
            "hydra": {
                "job": {"config_name": verb},
                "sweep": {"dir": str(tmp_path / "sweep")},
                "launcher": {"dry_run": dry_run},
            },
        }
    )
    one.context, one.launcher = SimpleNamespace(), Launcher(end)
    return one


def trial(words):
    return int(value(words, "trial").rpartition("/")[2])


def facts(tmp_path):
    return json.loads((tmp_path / "sweep" / SEARCH).read_text(encoding="utf-8"))


def test_words_are_split_into_values_and_what_stays():
    fixed, space = read_words(
        [
            *("a=1", "b=x,y", "c=int(interval(1,9))", "h=interval(1,9)", "d=tag(log,interval(1e-3,1))"),
            *("e=range(1,9,2)", "f=x", "+g=[1,2]"),
        ]
    )
    assert fixed == ["a=1", "f=x", "+g=[1,2]"]
    assert space == {
        "b": ["x", "y"],
        "c": Range(1, 9, whole=True),
        "h": Range(1, 9),
        "d": Range(1e-3, 1, log=True),
        "e": Range(1, 7, whole=True, step=2),
    }


def test_the_last_word_of_a_key_counts():
    """The command line comes after the preset."""
    assert read_words(["a=x,y", "a=z"]) == (["a=z"], {})
    assert read_words(["a=z", "a=x,y"]) == ([], {"a": ["x", "y"]})
    assert read_words(["a=choice(x)"]) == (["a=x"], {})


@optuna
def test_a_search_asks_for_as_many_trials_as_wanted_and_names_the_best(tmp_path, capsys):
    one = sweeper(tmp_path)
    one.sweep([*SPACE, "seed=3", "sweep=optuna"])
    assert len(one.launcher.jobs) == 4
    assert [trial(words) for words in one.launcher.jobs] == [0, 1, 2, 3]
    assert all("seed=3" in words for words in one.launcher.jobs)
    rates = [float(value(words, "trainer.learning_rate")) for words in one.launcher.jobs]
    found = facts(tmp_path)
    assert len(set(rates)) == 4
    assert float(found["best"]["values"]["trainer.learning_rate"]) == min(rates)
    assert found["command"][:2] == ["wrank", "train"]
    assert "sweep=optuna" not in found["command"]  # it would search anew
    assert " ".join(found["command"]) in capsys.readouterr().out


@optuna
def test_the_same_line_again_starts_nothing_and_more_trials_start_the_missing_ones(tmp_path):
    sweeper(tmp_path).sweep(SPACE)
    again = sweeper(tmp_path)
    again.sweep(SPACE)
    assert not again.launcher.jobs
    more = sweeper(tmp_path, trials=6)
    more.sweep(SPACE)
    assert [trial(words) for words in more.launcher.jobs] == [4, 5]


@optuna
def test_another_configuration_or_space_is_another_search(tmp_path):
    sweeper(tmp_path).sweep(SPACE)
    for other in (sweeper(tmp_path, loss="ws2"), sweeper(tmp_path)):
        other.sweep(SPACE if other.whole.loss._target_ == "ws2" else [*SPACE[:1], "loss=kl,ws2"])
        assert len(other.launcher.jobs) == 4
    assert len(list((tmp_path / "store" / ".tuning").glob("*.journal"))) == 3


@optuna
def test_a_killed_search_takes_its_open_trial_up_with_the_same_values(tmp_path):
    def killed(words):
        if trial(words) == 2:
            raise KeyboardInterrupt
        return best_is_small(words)

    first = sweeper(tmp_path, killed)
    with pytest.raises(KeyboardInterrupt):
        first.sweep(SPACE)
    again = sweeper(tmp_path)
    again.sweep(SPACE)
    assert [trial(words) for words in again.launcher.jobs] == [2, 3]
    assert again.launcher.jobs[0] == first.launcher.jobs[2]


@optuna
def test_a_resumed_search_draws_what_the_unbroken_one_draws(tmp_path):
    whole = sweeper(tmp_path / "whole", trials=6)
    whole.sweep(SPACE)
    for trials in (3, 6):
        parts = sweeper(tmp_path / "parts", trials=trials)
        parts.sweep(SPACE)
    assert parts.launcher.jobs == whole.launcher.jobs[3:]


@optuna
def test_failed_jobs_end_a_command_after_some_and_are_tried_again_by_the_next(tmp_path, capsys):
    first = sweeper(tmp_path, lambda words: WrankError("no room"))
    first.sweep(SPACE)
    assert len(first.launcher.jobs) == 2
    assert "the same line tries them again" in capsys.readouterr().err
    again = sweeper(tmp_path)
    again.sweep(SPACE)
    assert [words[:-1] for words in again.launcher.jobs[:2]] == [words[:-1] for words in first.launcher.jobs]
    assert len(again.launcher.jobs) == 4
    third = sweeper(tmp_path)
    third.sweep(SPACE)
    assert not third.launcher.jobs


@optuna
def test_a_pruned_job_counts_and_is_not_the_best(tmp_path):
    one = sweeper(tmp_path)

    def end(words):
        number = trial(words)
        if number != 1:
            return best_is_small(words)
        study = one.search._study
        id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
        study._storage.set_trial_intermediate_value(id, 3, 7.0)
        study._storage.set_trial_user_attr(id, PRUNED, {"step": 3, "score": 7.0})
        return None

    one.launcher = Launcher(end)
    one.sweep(SPACE)
    found = facts(tmp_path)
    assert [each["state"] for each in found["trials"]] == ["complete", "pruned", "complete", "complete"]
    assert found["trials"][1]["score"] == 7.0
    assert found["best"]["number"] != 1


@optuna
def test_jobs_without_a_dev_score_end_the_search_with_what_to_do(tmp_path):
    one = sweeper(tmp_path, lambda words: None)
    with pytest.raises(WrankError, match=r"without a dev score.*data\.dev_share"):
        one.sweep(SPACE)
    assert len(one.launcher.jobs) == 1


@optuna
def test_several_at_once_go_in_batches_with_numbers_of_their_own(tmp_path):
    one = sweeper(tmp_path, trials=5, at_once=2)
    one.sweep(SPACE)
    assert [(first, len(batch)) for first, batch in one.launcher.batches] == [(0, 2), (2, 2), (4, 1)]


@optuna
def test_two_commands_are_not_at_one_search(tmp_path):
    def second(words):
        with pytest.raises(WrankError, match="another command is at this search"):
            sweeper(tmp_path).sweep(SPACE)
        return best_is_small(words)

    sweeper(tmp_path, second, trials=1).sweep(SPACE)


@pytest.mark.parametrize(
    ("keys", "words", "told"),
    [
        ({}, ["seed=1"], "nothing to search"),
        ({"verb": "evaluate"}, SPACE, "no dev score"),
        ({}, ["a=tag(log,interval(0,1))"], "above 0"),
        ({}, ["a=interval(3,1)"], "below the upper one"),
    ],
)
def test_what_cannot_be_searched_is_refused(keys, words, told, tmp_path):
    if "above 0" in told or "below" in told:
        pytest.importorskip("optuna", reason="pip install 'wrank[tune]'")
    with pytest.raises(WrankError, match=told):
        sweeper(tmp_path, **keys).sweep(words)


@pytest.mark.parametrize("key", ["trials", "at_once", "max_failures"])
def test_counts_out_of_range_are_refused(key, tmp_path):
    with pytest.raises(WrankError, match=key):
        sweeper(tmp_path, **{key: 0})


def test_a_dry_run_shows_both_ends_and_keeps_nothing(tmp_path):
    one = sweeper(tmp_path, dry_run=True)
    one.sweep([*SPACE, "data.lists.size=range(2,9,2)"])
    assert one.launcher.jobs == [
        ["trainer.learning_rate=1e-06", "loss=kl", "data.lists.size=2"],
        ["trainer.learning_rate=0.0001", "loss=listnet", "data.lists.size=8"],
    ]
    assert not (tmp_path / "store").exists()
