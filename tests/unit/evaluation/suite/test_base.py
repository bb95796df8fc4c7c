"""The choice of sets by name, for every suite that ships; and that making a suite opens nothing."""

import re

import pytest
from omegaconf import OmegaConf

from tests.fixtures.suites import names, settings
from wrank.config import conf_folder
from wrank.data.source.sample import SampleSource
from wrank.errors import WrankError
from wrank.evaluation.measure_name import parse_measures
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.suite.base import EvaluationSet, Suite

SUITES = ("sample", "beir", "nano_beir", "msmarco", "bright", "local")


class Three(Suite):
    name = "three"

    def all_sets(self):
        sets = [("one", None), ("two/a", "two"), ("two/b", "two")]
        return [EvaluationSet(name, SampleSource, group=group) for name, group in sets]


def test_all_are_taken_where_no_subset_is_given():
    assert names(Three().sets()) == ["one", "two/a", "two/b"]
    assert not any(one.in_domain for one in Three().sets())


@pytest.mark.parametrize(
    ("subset", "taken"),
    [
        (["two/b", "one"], ["one", "two/b"]),  # in the suite's order
        (["two"], ["two/a", "two/b"]),  # a group
        (["two", "two/a", "two"], ["two/a", "two/b"]),
    ],
)
def test_a_subset_takes_sets_and_groups_by_name(subset, taken):
    assert names(Three(subset).sets()) == taken


def test_sets_that_are_trained_on_are_marked_by_their_name_or_group():
    assert [one.in_domain for one in Three(in_domain=["two"]).sets()] == [False, True, True]
    assert [one.in_domain for one in Three(["one"], ["two/a"]).sets()] == [False]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subset": []}, "subset is empty: give names of sets, or null"),
        ({"subset": "one"}, r"subset is 'one'; wanted a list of names, e.g. subset=\[scifact\]"),
        ({"subset": [1]}, "wanted a list of names"),
        ({"subset": ["Two"]}, "subset of three: no set 'Two'; did you mean two"),
        ({"subset": ["xyzzy"]}, "no set 'xyzzy'; there are: one, two/a, two/b, two"),
        ({"in_domain": ["on"]}, "in_domain of three: no set 'on'; did you mean one"),
        ({"in_domain": "one"}, "in_domain is 'one'; wanted a list"),
    ],
)
def test_a_subset_that_cannot_be_is_told(given, message):
    with pytest.raises(WrankError, match=message):
        Three(**given).sets()


@pytest.mark.parametrize("option", SUITES)
def test_every_suite_that_ships_is_made_from_its_option_without_opening_anything(option, tmp_path):
    given = ["evaluation.suite.path=nowhere"] if option == "local" else []
    made = settings(option, *given)
    assert isinstance(made.suite, Suite)
    assert made.suite.name == option
    assert type(made.suite).__module__ == f"wrank.evaluation.suite.{option}"
    if option == "local":
        return
    sets = made.suite.sets()
    assert len(set(names(sets))) == len(sets) > 0
    for one in sets:
        parse_measures(one.measures or made.measures)
        assert not any(word in one.name for word in (" ", ","))  # it is written in a list on the command line
    with pytest.raises(WrankError, match=f"subset of {option}: no set 'nosuchset'"):
        settings(option, "evaluation.suite.subset=[nosuchset]").suite.sets()
    with pytest.raises(WrankError, match="subset is empty"):
        settings(option, "evaluation.suite.subset=[]")


@pytest.mark.parametrize("option", ["standard", "fast"])
def test_one_collection_is_no_suite(option):
    assert settings(option).suite is None


def test_a_suite_changes_no_key_of_an_evaluation():
    assert EvaluationSettings(suite=Three()) == EvaluationSettings()
    assert hash(EvaluationSettings(suite=Three())) == hash(EvaluationSettings())


@pytest.mark.parametrize("option", SUITES)
def test_a_suite_holds_standards_keys_and_names_no_default_twice(option):
    """A key repeated from standard would hide a later change of it."""
    own = OmegaConf.load(conf_folder() / "evaluation" / f"{option}.yaml")
    standard = OmegaConf.load(conf_folder() / "evaluation" / "standard.yaml")
    assert own.defaults == ["standard", "_self_"]
    assert set(own) - {"defaults"} <= set(standard)
    assert re.match("# The suite ", (conf_folder() / "evaluation" / f"{option}.yaml").read_text())
