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
    assert found["ks"]["4"] == {
        "counts": {"queries_scored": 0}, "measures": {}, "first_stage": {}, "spread": {}, "seeds": {}
    }  # fmt: skip
    two = found["ks"]["2"]
    assert two["measures"] == {"RR@10": 0.5}
    assert two["first_stage"] == {"RR@10": 0.375}
    assert two["spread"] == {"RR@10": pytest.approx(0.5 / 2**0.5)}
    assert two["seeds"] == {
        "0": {"measures": {"RR@10": 0.75}, "first_stage": {"RR@10": 0.25}},
        "7": {"measures": {"RR@10": 0.25}, "first_stage": {"RR@10": 0.5}},
    }


def test_one_seed_has_no_spread(result):
    one = FeedbackResult({}, result.cells[:1], {2: {}})
    assert one.to_json()["ks"]["2"]["spread"] == {"RR@10": None}
