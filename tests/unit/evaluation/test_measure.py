from math import log2

import pytest

from wrank.errors import WrankError
from wrank.evaluation.measure import parse_measures, score_run

RUN = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}


def test_ndcg_has_linear_gain_as_computed_by_hand():
    scores = score_run(RUN, {"q": {"b": 3, "c": 1, "d": 2}}, ["nDCG@2", "nDCG@10"])
    ideal = [3, 3 + 2 / log2(3), 3 + 2 / log2(3) + 1 / log2(4)]
    assert scores.measures["nDCG@2"] == pytest.approx((3 / log2(3)) / ideal[1])
    assert scores.measures["nDCG@10"] == pytest.approx((3 / log2(3) + 1 / log2(4)) / ideal[2])


def test_rr_r_and_ap_as_computed_by_hand():
    scores = score_run(RUN, {"q": {"b": 1, "c": 2, "d": 1}}, ["RR@10", "RR@1", "RR(rel=2)@10", "R@2", "AP"])
    expected = {"RR@10": 1 / 2, "RR@1": 0, "RR(rel=2)@10": 1 / 3, "R@2": 1 / 3, "AP": (1 / 2 + 2 / 3) / 3}
    assert scores.measures == pytest.approx(expected)


def test_every_judged_query_counts_and_no_other():
    qrels = {"q": {"a": 1}, "missing": {"a": 1}, "empty": {"a": 1}, "nothing relevant": {"a": 0}, "no judgement": {}}
    run = RUN | {"nothing relevant": {"a": 1.0}, "no judgement": {"a": 1.0}, "unknown": {"a": 1.0}, "empty": {}}
    scores = score_run(run, qrels, ["nDCG@10", "RR@10", "R@100", "AP", "Judged@10"])
    for measure in ("nDCG@10", "RR@10", "R@100", "AP"):
        assert scores.measures[measure] == pytest.approx(1 / 4)
    assert list(scores.per_query) == ["empty", "missing", "nothing relevant", "q"]
    assert scores.per_query["missing"]["RR@10"] == 0
    assert scores.counts == {
        "queries_judged": 4,
        "queries_missing": 2,
        "queries_without_relevant": 1,
        "queries_unjudged": 2,
    }


def test_all_measures_break_ties_in_the_same_way():
    """b, then a: ir_measures computes RR@10 elsewhere than RR, with ids ascending; trec_eval takes them descending."""
    run = {"q": {"a": 1.0, "b": 1.0}}
    scores = score_run(run, {"q": {"a": 1}}, ["RR", "RR@10", "P@1", "nDCG@1", "AP"])
    assert scores.measures == {"RR": 0.5, "RR@10": 0.5, "P@1": 0.0, "nDCG@1": 0.0, "AP": 0.5}


def test_ties_of_a_run_read_from_a_file_do_not_keep_the_order_of_the_file():
    run = {"q": [("a", 1.0), ("b", 1.0)]}
    assert score_run(run, {"q": {"a": 1}}, ["RR@10"]).measures == {"RR@10": 0.5}


def test_counting_measures_are_summed():
    scores = score_run(RUN | {"r": {"a": 1.0}}, {"q": {"a": 1}, "r": {"a": 1}}, ["NumRet"])
    assert scores.measures == {"NumRet": 4.0}


def test_an_empty_run_scores_zero():
    scores = score_run({}, {"q": {"a": 1}}, ["nDCG@10", "RR@10"])
    assert scores.measures == {"nDCG@10": 0.0, "RR@10": 0.0}
    assert scores.counts["queries_missing"] == 1


@pytest.mark.parametrize("qrels", [{}, {"q": {}}])
def test_no_judgement_is_an_error(qrels):
    with pytest.raises(WrankError, match="hold no query"):
        score_run(RUN, qrels, ["AP"])


def test_whole_grades_as_floats_are_taken():
    assert score_run(RUN, {"q": {"a": 2.0}}, ["nDCG@10"]).measures == {"nDCG@10": 1.0}


@pytest.mark.parametrize("grade", [0.5, float("nan"), float("inf")])
def test_a_grade_that_is_not_whole_is_not_rounded(grade):
    with pytest.raises(WrankError, match=r"query 'q', passage 'b': grade .* is not a whole number"):
        score_run(RUN, {"q": {"a": 1, "b": grade}}, ["nDCG@10"])


def test_negative_grades_are_not_relevant():
    assert score_run(RUN, {"q": {"a": -2, "b": 1}}, ["RR@10", "nDCG@10"]).measures["RR@10"] == 0.5


def test_measures_are_kept_once_in_order():
    assert [str(measure) for measure in parse_measures(["RR@10", " AP", "MAP", "nDCG@10"])] == [
        "RR@10",
        "AP",
        "nDCG@10",
    ]


@pytest.mark.parametrize(
    "names",
    [
        [],
        "AP",
        ["ndgc@10"],
        ["nDCG@"],
        ["nDCG@ten"],
        ["nDCG@0"],
        ["RR(level=2)@10"],
        ["nDCG@10 AP"],
        ["P"],
        ["AP_IA"],
        [""],
    ],
)
def test_a_measure_that_cannot_be_computed_is_an_error_with_examples(names):
    with pytest.raises(WrankError, match="measure"):
        parse_measures(names)
