import json
from math import log2

import ir_measures
import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation import measure as measure_module
from wrank.evaluation.measure import best_first, is_constant, score_run
from wrank.evaluation.ranking import Rankings, in_order

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
        "queries_constant": 0,
        "queries_without_relevant": 1,
        "queries_unjudged": 2,
    }


def test_all_measures_break_ties_in_the_same_way():
    """b, then a: ir_measures computes RR@10 elsewhere than RR, with ids ascending; trec_eval takes them descending."""
    run = {"q": {"a": 1.0, "b": 1.0, "c": 0.0}}
    scores = score_run(run, {"q": {"a": 1}}, ["RR", "RR@10", "P@1", "nDCG@1", "AP"])
    assert scores.measures == {"RR": 0.5, "RR@10": 0.5, "P@1": 0.0, "nDCG@1": 0.0, "AP": 0.5}


def test_ties_of_a_run_read_from_a_file_do_not_keep_the_order_of_the_file():
    run = {"q": [("a", 1.0), ("b", 1.0), ("c", 0.0)]}
    assert score_run(run, {"q": {"a": 1}}, ["RR@10"]).measures == {"RR@10": 0.5}


def test_counting_measures_are_summed():
    scores = score_run(RUN | {"r": {"a": 1.0}}, {"q": {"a": 1}, "r": {"a": 1}}, ["NumRet"])
    assert scores.measures == {"NumRet": 4.0}


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({}, r"the run is empty, but 2 queries are judged, e.g. 'q'"),
        ({"7": {"a": 1.0}}, r"ids do not meet.*the run has e.g. query '7', the judgements have 'q'"),
        ({"q": {}, "r": []}, r"rankings of all 2 judged queries are empty, e.g. of 'q'"),
    ],
)
def test_a_run_that_ranks_for_no_judged_query_is_an_error_that_names_both_sides(run, message):
    with pytest.raises(WrankError, match=message):
        score_run(run, {"q": {"a": 1}, "r": {"a": 1}}, ["nDCG@10", "RR@10"])


def test_one_score_for_all_passages_gets_no_credit():
    """Ids that fall by chance as the grades do would score 1 here."""
    run = {"flat": {"b": 2.0, "a": 2.0}, "q": {"b": 2.0, "a": 1.0}, "alone": {"b": 2.0}}
    qrels = {query_id: {"b": 1, "a": 0} for query_id in run}
    scores = score_run(run, qrels, ["nDCG@10", "RR@10", "AP", "Judged@10", "Unjudged@10"])
    assert scores.per_query["flat"] == {"nDCG@10": 0, "RR@10": 0, "AP": 0, "Judged@10": 0, "Unjudged@10": 1}
    assert scores.per_query["q"]["nDCG@10"] == scores.per_query["alone"]["nDCG@10"] == 1
    assert scores.measures["RR@10"] == pytest.approx(2 / 3)
    assert (scores.counts["queries_constant"], scores.counts["queries_missing"]) == (1, 0)


def test_scores_that_differ_below_float32_are_constant():
    scores = score_run({"q": {"a": 1.0 + 1e-12, "b": 1.0}}, {"q": {"a": 1}}, ["RR@10"])
    assert scores.counts["queries_constant"] == 1


def test_a_run_that_is_constant_throughout_scores_zero():
    rankings = Rankings(["q", "r"], ["a", "b"], np.array([[1, 0], [1, 0]]), np.full((2, 2), -0.5, np.float32))
    scores = score_run(rankings, {"q": {"b": 1}, "r": {"b": 1}}, ["RR@10"])
    assert scores.measures == {"RR@10": 0.0}
    assert scores.counts["queries_constant"] == 2


def test_unjudged_is_the_share_of_the_first_passages_that_nobody_judged():
    scores = score_run(RUN, {"q": {"c": 1, "b": 0}}, ["unjudged@1", "Unjudged@2", "Unjudged@10", "Judged@10", "AP"])
    expected = {"Unjudged@1": 1, "Unjudged@2": 1 / 2, "Unjudged@10": 1 / 3, "Judged@10": 2 / 3, "AP": 1 / 3}
    assert scores.measures == pytest.approx(expected)
    assert list(scores.measures) == list(expected)


def test_cut_offs_of_grades_pass_through():
    scores = score_run(RUN, {"q": {"a": 1, "b": 2, "c": 3}}, ["AP(rel=2)", "AP", "RR(rel=3)@10", "R(rel=2)@2"])
    assert scores.measures == pytest.approx({"AP(rel=2)": 7 / 12, "AP": 1, "RR(rel=3)@10": 1 / 3, "R(rel=2)@2": 1 / 2})


NAMES = [
    "nDCG@10",
    "nDCG",
    "RR@10",
    "RR",
    "R@20",
    "AP",
    "AP@5",
    "AP(rel=2)",
    "P@5",
    "P(judged_only=True)@5",
    "Judged@10",
]
NAMES += ["Success@3", "Rprec", "Bpref", "RR(rel=2)@10", "nDCG(judged_only=True)@10", "NumRet", "SetP"]


@pytest.fixture
def random_run():
    """60 queries whose rankings of 1 to 40 passages and judgements only partly meet; scores without ties."""
    draw = np.random.default_rng(5)
    run, qrels = {}, {}
    for number in range(60):
        found = draw.permutation(50)[: draw.integers(1, 41)].tolist()
        run[f"q{number}"] = {
            f"p{passage}": float(draw.permutation(1000)[0] - 500 + place / 64) for place, passage in enumerate(found)
        }
        qrels[f"q{number}"] = {
            f"p{passage}": int(draw.integers(0, 4)) for passage in draw.permutation(60)[:12].tolist()
        }
    return run, qrels


def test_values_are_those_of_ir_measures_whatever_the_blocks(random_run, monkeypatch):
    """Measures are given no more ranks than they look at, and queries in blocks."""
    run, qrels = random_run
    measures = [ir_measures.parse_measure(name) for name in NAMES]
    alone = (ir_measures.iter_calc([measure], qrels, run) for measure in measures)  # together they change each other
    wanted = {(m.query_id, str(m.measure)): m.value for found in alone for m in found}
    assert len(set(wanted.values())) > 100
    for at_once in (1, 7, 256):
        monkeypatch.setattr(measure_module, "_QUERIES_AT_ONCE", at_once)
        per_query = score_run(run, qrels, NAMES).per_query
        found = {(query_id, name): value for query_id, values in per_query.items() for name, value in values.items()}
        assert found == pytest.approx(wanted)


@pytest.mark.parametrize(
    "other", ["nDCG(gains={0:0,1:9,2:1,3:0})@10", "nDCG(judged_only=True)@10", "P(judged_only=True)@5"]
)
def test_no_measure_depends_on_those_asked_for_with_it(random_run, other):
    names = ["nDCG@10", "nDCG", "NumRet", "nDCG(judged_only=True)"]
    alone = {name: score_run(*random_run, [name]).measures[name] for name in names}
    for asked in ([other, *names], [*names, other]):
        together = score_run(*random_run, asked).measures
        assert {name: together[name] for name in names} == alone


def test_an_order_that_is_right_already_is_kept_and_any_other_mended():
    scores = {"a": 0.5, "c": 0.5, "b": 0.5, "d": -1.0, "e": 2.0}
    wanted = [passage_id for passage_id, _ in in_order(scores)]
    assert wanted == ["e", "c", "b", "a", "d"]
    for ids in (["e", "c", "b", "a", "d"], ["e", "a", "b", "c", "d"], ["d", "c", "b", "a", "e"]):
        found, scores_K = best_first("q", [(passage_id, scores[passage_id]) for passage_id in ids])
        assert found == wanted
        assert scores_K.tolist() == [2.0, 0.5, 0.5, 0.5, -1.0]


@pytest.mark.parametrize(("scores", "constant"), [([], False), ([1], False), ([1, 1], True), ([1, 1, 0], False)])
def test_what_is_constant(scores, constant):
    assert is_constant(np.array(scores, dtype=np.float32)) is constant


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        ([("a", 1.0), ("b", 0.5), ("a", 0.2)], "passage 'a' comes twice in the ranking of query 'q'"),
        ({"a": 1.0, "b": float("nan")}, "score of passage 'b' for query 'q' is NaN"),
    ],
)
def test_a_ranking_without_an_order_is_an_error(ranking, message):
    with pytest.raises(WrankError, match=message):
        score_run({"q": ranking}, {"q": {"a": 1}}, ["AP"])


def test_results_are_plain_numbers(random_run):
    scores = score_run(*random_run, ["nDCG@10", "Unjudged@10"])
    assert json.loads(json.dumps([scores.measures, scores.per_query, scores.counts]))[0] == scores.measures


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


def test_what_counts_as_relevant_changes_one_count_and_no_measure():
    qrels = {"q": {"a": 1, "b": 1}, "r": {"a": 2}}
    one, two = (score_run(RUN, qrels, ["nDCG@10", "AP"], relevant=grade) for grade in (1, 2))
    assert (one.measures, one.per_query) == (two.measures, two.per_query)
    assert [found.counts["queries_without_relevant"] for found in (one, two)] == [0, 1]
