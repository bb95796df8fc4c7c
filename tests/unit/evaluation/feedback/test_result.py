"""Means over queries, then over seeds; JSON without queries."""

import json

import pytest

from wrank.evaluation.feedback.result import Cell, FeedbackResult


@pytest.fixture
def result():
    cells = (
        Cell(2, 0, {"p": {"RR@10": 1.0}, "q": {"RR@10": 0.5}}, {"p": {"RR@10": 0.25}, "q": {"RR@10": 0.25}}),
        Cell(2, 7, {"p": {"RR@10": 0.0}, "q": {"RR@10": 0.5}}, {"p": {"RR@10": 0.5}, "q": {"RR@10": 0.5}}),
    )
    return FeedbackResult({"method": {"name": "knn"}}, cells, {2: {"queries_scored": 2}, 4: {"queries_scored": 0}})


def test_a_query_s_value_is_its_mean_over_seeds(result):
    assert result.per_query(2) == {"p": {"RR@10": 0.5}, "q": {"RR@10": 0.5}}
    assert result.per_query(2, first_stage=True) == {"p": {"RR@10": 0.375}, "q": {"RR@10": 0.375}}
    assert result.measures(2) == {"RR@10": 0.5}


def test_a_k_without_queries_is_empty_and_not_zero(result):
    assert result.per_query(4) == {}
    assert result.measures(4) == {}


def test_json_holds_means_spread_and_counts(result):
    found = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert found["settings"] == {"method": {"name": "knn"}}
    empty = {key: {} for key in ("measures", "first_stage", "spread", "seeds")}
    assert found["ks"]["4"] == {"counts": {"queries_scored": 0}, "difference": None, **empty}
    two = found["ks"]["2"]
    assert two["measures"] == {"RR@10": 0.5}
    assert two["first_stage"] == {"RR@10": 0.375}
    difference = two["difference"]
    assert (difference["measure"], difference["mean"], difference["queries"]) == ("RR@10", 0.125, 2)
    assert (difference["better"], difference["worse"], difference["equal"]) == (2, 0, 0)
    assert difference["low"] == difference["high"] == 0.125
    assert two["spread"] == {"RR@10": pytest.approx(0.5 / 2**0.5)}
    assert two["seeds"] == {
        "0": {"measures": {"RR@10": 0.75}, "first_stage": {"RR@10": 0.25}},
        "7": {"measures": {"RR@10": 0.25}, "first_stage": {"RR@10": 0.5}},
    }


def test_one_seed_has_no_spread(result):
    one = FeedbackResult({}, result.cells[:1], {2: {}})
    assert one.to_json()["ks"]["2"]["spread"] == {"RR@10": None}


def test_the_interval_is_over_queries_in_the_first_measure_with_the_re_ranked_minus_the_first_stage():
    values = {f"q{place}": {"RR@10": place / 10, "AP": 0.0} for place in range(10)}
    nothing = {query_id: {"RR@10": 0.0, "AP": 1.0} for query_id in values}
    found = FeedbackResult({}, (Cell(1, 0, values, nothing),), {1: {}}).to_json()["ks"]["1"]["difference"]
    assert (found["measure"], found["better"], found["equal"]) == ("RR@10", 9, 1)
    assert 0 < found["low"] < found["mean"] < found["high"] < 0.9
    assert found["mean"] == pytest.approx(0.45)
