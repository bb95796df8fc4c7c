"""Every value that cannot be meant is refused before any work, with its key."""

import math

import pytest

from wrank.errors import WrankError
from wrank.mining.settings import FilterSettings, Margin


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"window": [5, 4]}, r"filter\.window is \[5, 4\]"),
        ({"window": [0, 4]}, r"filter\.window"),
        ({"window": [1]}, r"filter\.window"),
        ({"window": [1.5, 4]}, r"filter\.window"),
        ({"window": 100}, r"filter\.window is 100"),
        ({"window": None}, r"filter\.window"),
        ({"per_query": 0}, r"filter\.per_query is 0"),
        ({"per_query": True}, r"filter\.per_query is True"),
        ({"consistency": 0}, r"filter\.consistency is 0"),
        ({"consistency": 1.5}, r"filter\.consistency is 1\.5"),
        ({"choice": "best"}, r"filter\.choice is 'best'; wanted one of top, random"),
        ({"skip_judged": "yes"}, r"filter\.skip_judged"),
        ({"margin": {"kind": "percent", "value": 1}}, r"filter\.margin\.kind is 'percent'"),
        ({"margin": {"kind": "relative", "value": 0}}, r"filter\.margin\.value is 0"),
        ({"margin": {"kind": "relative", "value": 1.1}}, r"filter\.margin\.value is 1\.1"),
        ({"margin": {"kind": "relative"}}, r"filter\.margin\.value is None"),
        ({"margin": {"kind": "absolute", "value": -1}}, r"filter\.margin\.value is -1"),
        ({"margin": {"kind": "absolute", "value": math.nan}}, r"filter\.margin\.value is nan"),
        ({"margin": {"kind": "absolute", "value": math.inf}}, r"filter\.margin\.value is inf"),
        ({"margin": {"kind": "absolute", "value": "1"}}, r"filter\.margin\.value is '1'"),
        (
            {"margin": {"kind": None, "value": 0.95}},
            r"margin\.value is 0\.95, but filter\.margin\.kind is null",
        ),
        ({"margin": {"kid": "absolute"}}, r"filter\.margin\.kid: no such key"),
        ({"margin": 0.95}, r"filter\.margin is 0\.95"),
    ],
)
def test_wrong_value_is_refused_with_its_key(given, wanted):
    with pytest.raises(WrankError, match=wanted):
        FilterSettings(**given)


@pytest.mark.parametrize(
    ("depth", "given", "wanted"),
    [
        (99, {}, r"depth is 99, but filter\.window ends at rank 100"),
        (0, {}, r"depth is 0"),
        (True, {}, r"depth is True"),
        (9, {"window": [1, 5], "consistency": 10}, r"depth is 9, but filter\.consistency looks at 10"),
    ],
)
def test_depth_that_the_filter_outreaches_is_refused(depth, given, wanted):
    with pytest.raises(WrankError, match=wanted):
        FilterSettings(**given).check_depth(depth)
    FilterSettings(**given).check_depth(100)


def test_seed_matters_only_where_something_is_drawn():
    assert FilterSettings(choice="random", per_query=3).draws
    assert not FilterSettings(choice="random").draws
    assert not FilterSettings(per_query=3).draws


def test_threshold_by_hand():
    assert Margin("relative", 0.95).threshold(2.0, "q") == pytest.approx(1.9)
    assert Margin("absolute", 0.05).threshold(2.0, "q") == pytest.approx(1.95)
    assert Margin().threshold(-1.0, "q") == math.inf
    assert Margin("relative", 0.95).threshold(0.0, "q") == 0
