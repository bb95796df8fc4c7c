import json
from itertools import combinations

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.calibration import calibration
from wrank.evaluation.ranking import Rankings


def test_pairs_as_counted_by_hand():
    """Grades 3 > 1 > 0; b (1) and d (0) tie, e (0) stands above a (3)."""
    run = {"q": {"a": 0.75, "b": 0.5, "c": 0.25, "d": 0.5, "e": 1.0, "unjudged": 9.0}}
    found = calibration(run, {"q": {"a": 3, "b": 1, "c": 1, "d": 0, "e": 0, "outside": 3}})
    pairs = {name: (one["right"], one["ties"], one["pairs"]) for name, one in _right(found).items()}
    assert pairs == {"1 over 0": (0, 1, 4), "3 over 0": (1, 0, 2), "3 over 1": (2, 0, 2)}
    assert (found["adjacent"]["accuracy"], found["adjacent"]["pairs"], found["adjacent"]["ties"]) == (2 / 6, 6, 1)
    assert (found["all"]["accuracy"], found["all"]["pairs"], found["all"]["queries"]) == (3 / 8, 8, 1)
    assert {name: one["adjacent"] for name, one in found["pairs_of_grades"].items()} == {
        "1 over 0": True,
        "3 over 0": False,
        "3 over 1": True,
    }
    assert found["grades"] == {
        "0": {"passages": 2, "outside_run": 0, "mean_score": 0.75},
        "1": {"passages": 2, "outside_run": 0, "mean_score": 0.375},
        "3": {"passages": 1, "outside_run": 1, "mean_score": 0.75},
    }
    assert (found["queries"], found["passages"], found["outside_run"]) == (1, 5, 1)
    # 3 pairs in order, 4 against; 2 of 10 pairs tie in grade, 1 in score
    assert found["kendall_tau_b"] == {"mean": pytest.approx((3 - 4) / np.sqrt((10 - 2) * (10 - 1))), "queries": 1}


def _right(found):
    return {
        name: one | {"right": round((one["accuracy"] or 0) * one["pairs"])}
        for name, one in found["pairs_of_grades"].items()
    }


def test_a_constant_scorer_gets_no_credit():
    grades = {"q": {"a": 3, "b": 1, "c": 0}, "r": {"a": 1, "b": 0}}
    found = calibration({query_id: dict.fromkeys("abc", 0.7) for query_id in grades}, grades)
    for name in ("adjacent", "all"):
        assert found[name]["accuracy"] == found[name]["query_mean"] == 0
        assert found[name]["ties"] == found[name]["pairs"] > 0
    assert found["kendall_tau_b"] == {"mean": 0.0, "queries": 2}


def test_a_perfect_and_a_reversed_scorer():
    grades = {"q": {"a": 3, "b": 2, "c": 1, "d": 0}}
    perfect = calibration({"q": {passage: float(grade) for passage, grade in grades["q"].items()}}, grades)
    reverse = calibration({"q": {passage: -float(grade) for passage, grade in grades["q"].items()}}, grades)
    for found, value, tau in ((perfect, 1.0, 1.0), (reverse, 0.0, -1.0)):
        assert found["adjacent"]["accuracy"] == found["all"]["accuracy"] == value
        assert found["kendall_tau_b"]["mean"] == pytest.approx(tau)
    assert reverse["grades"]["3"]["mean_score"] == -3.0


def test_passages_are_never_compared_across_queries():
    """Query r scores everything higher than q does: only within a query is there an order."""
    run = {"q": {"a": 0.2, "b": 0.1}, "r": {"a": 0.9, "b": 0.8}}
    found = calibration(run, {"q": {"a": 1, "b": 0}, "r": {"a": 1, "b": 0}})
    assert (found["all"]["accuracy"], found["all"]["pairs"]) == (1.0, 2)


def test_pairs_count_once_in_accuracy_and_queries_once_in_their_mean():
    run = {"one": {"a": 1.0, "b": 2.0}, "many": {"a": 9.0, "b": 3.0, "c": 2.0, "d": 1.0}}
    found = calibration(run, {"one": {"a": 1, "b": 0}, "many": {"a": 1, "b": 0, "c": 0, "d": 0}})
    assert found["all"] == {"accuracy": 3 / 4, "query_mean": 1 / 2, "pairs": 4, "ties": 0, "queries": 2}


def test_neighbours_are_grades_of_the_collection_not_of_a_query():
    """Query q lacks grade 1, which r has: 2 over 0 is no adjacent pair in either."""
    run = {"q": {"a": 1.0, "b": 0.5}, "r": {"a": 1.0, "b": 0.5}}
    found = calibration(run, {"q": {"a": 2, "b": 0}, "r": {"a": 1, "b": 0}})
    assert (found["adjacent"]["pairs"], found["all"]["pairs"]) == (1, 2)


def test_scores_equal_in_float32_are_a_tie():
    found = calibration({"q": {"a": 1.0 + 1e-12, "b": 1.0}}, {"q": {"a": 1, "b": 0}})
    assert (found["all"]["accuracy"], found["all"]["ties"]) == (0.0, 1)


NOTHING = {"accuracy": None, "query_mean": None, "pairs": 0, "ties": 0, "queries": 0}


def test_one_grade_only_makes_no_pair():
    found = calibration({"q": {"a": 1.0, "b": 0.5}}, {"q": {"a": 1, "b": 1}})
    assert found["adjacent"] == found["all"] == NOTHING
    assert (found["pairs_of_grades"], found["kendall_tau_b"]) == ({}, {"mean": None, "queries": 0})
    assert found["grades"] == {"1": {"passages": 2, "outside_run": 0, "mean_score": 0.75}}


@pytest.mark.parametrize("run", [{}, {"q": {}}, {"q": {"other": 1.0}}])
def test_no_judged_passage_found_is_counted_not_guessed(run):
    found = calibration(run, {"q": {"a": 1, "b": 0}})
    assert (found["passages"], found["outside_run"], found["queries"]) == (0, 2, 1)
    assert found["all"] == NOTHING
    assert found["pairs_of_grades"] == {"1 over 0": NOTHING | {"adjacent": True}}
    assert found["grades"]["1"] == {"passages": 0, "outside_run": 1, "mean_score": None}


def test_counts_agree_with_a_plain_loop_and_results_are_plain():
    draw = np.random.default_rng(2)
    run, qrels, right, ties, pairs = {}, {}, 0, 0, 0
    for query_id in map(str, range(30)):
        run[query_id] = [(f"p{p}", float(draw.integers(-4, 5)) / 4) for p in draw.permutation(40)[:25].tolist()]
        qrels[query_id] = {f"p{p}": float(draw.integers(0, 4)) for p in draw.permutation(40)[:20].tolist()}
        known = [(dict(run[query_id])[p], grade) for p, grade in qrels[query_id].items() if p in dict(run[query_id])]
        for (score, grade), (other_score, other_grade) in combinations(known, 2):
            if grade != other_grade:
                pairs += 1
                ties += score == other_score
                right += (score - other_score) * (grade - other_grade) > 0
    found = calibration(run, qrels)
    assert (found["all"]["pairs"], found["all"]["ties"]) == (pairs, ties)
    assert found["all"]["accuracy"] == right / pairs
    assert json.loads(json.dumps(found)) == found


def test_rankings_are_read_as_they_are():
    rankings = Rankings(["q"], ["a", "b", "c"], np.array([[1, 0, -1]]), np.array([[0.5, 0.25, -np.inf]], np.float32))
    found = calibration(rankings, {"q": {"a": 0, "b": 2, "c": 1}})
    assert (found["all"]["accuracy"], found["all"]["pairs"], found["outside_run"]) == (1.0, 1, 1)


@pytest.mark.parametrize(
    ("run", "qrels", "message"),
    [
        ({"q": {"a": float("nan")}}, {"q": {"a": 1}}, "score of query 'q' is no finite number"),
        ({"q": {"a": 1.0}}, {"q": {"a": float("nan")}}, "grade that is no finite number"),
    ],
)
def test_broken_numbers_are_an_error(run, qrels, message):
    with pytest.raises(WrankError, match=message):
        calibration(run, qrels)
