import json

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.slices import query_facts, slice_means


def _facts(**columns):
    """Facts of queries q0, q1, ... with one of the facts given for each."""
    base = {"words": 1, "relevant": 1, "best_grade": 1}
    count = len(next(iter(columns.values())))
    rows = [
        {name: values[place] for name, values in columns.items() if values[place] is not None} for place in range(count)
    ]
    return {f"q{place}": base | row for place, row in enumerate(rows)}


def _means(facts, values=None):
    values = values or [1.0] * len(facts)
    return slice_means({query_id: {"AP": value} for query_id, value in zip(facts, values, strict=True)}, facts, ["AP"])


def test_facts_as_counted_by_hand():
    qrels = {"a": {"p": 3.0, "r": 1, "s": 0}, "b": {"p": 0}, "c": {"p": -1, "r": 0.5}}
    facts = query_facts(["a", "b", "c"], ["what  is\tit", "", "x"], qrels, {"a": 7, "unknown": 1})
    assert facts == {
        "a": {"text": "what  is\tit", "words": 3, "judged": 3, "relevant": 2, "best_grade": 3, "frequency": 7.0},
        "b": {"text": "", "words": 0, "judged": 1, "relevant": 0, "best_grade": 0},
        "c": {"text": "x", "words": 1, "judged": 2, "relevant": 0, "best_grade": 0.5},
    }
    assert isinstance(facts["a"]["best_grade"], int)


def test_queries_without_a_judgement_have_no_facts():
    assert list(query_facts(["a", "b", "c"], ["x"] * 3, {"b": {"p": 1}, "c": {}})) == ["b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], [], {}), "1 queries but 0 texts"),
        ((["a", "a"], ["x", "y"], {"a": {"p": 1}}), "'a' comes twice"),
        ((["a"], ["x"], {"a": {"p": 1}}, {"a": -1}), "frequency of query 'a' is -1"),
        ((["a"], ["x"], {"a": {"p": 1}}, {"a": float("nan")}), "frequency of query 'a' is nan"),
    ],
)
def test_facts_that_do_not_fit_are_an_error(arguments, message):
    with pytest.raises(WrankError, match=message):
        query_facts(*arguments)


def test_buckets_by_words_and_relevant_passages_end_where_they_say():
    words = _means(_facts(words=[0, 3, 4, 6, 7, 12, 13, 99]))["words"]
    assert {bucket: row["queries"] for bucket, row in words.items()} == {"<=3": 2, "4-6": 2, "7-12": 2, "13+": 2}
    relevant = _means(_facts(relevant=[0, 1, 2, 5, 6, 20, 21, 400]))["relevant"]
    expected = {"0": 1, "1": 1, "2-5": 2, "6-20": 2, "21+": 2}
    assert {bucket: row["queries"] for bucket, row in relevant.items()} == expected


def test_means_are_taken_over_the_queries_of_a_bucket():
    facts = _facts(words=[1, 2, 9])
    per_query = {"q0": {"AP": 0.2, "RR": 1}, "q1": {"AP": 0.4, "RR": 0}, "q2": {"AP": 0.9, "RR": 1}}
    assert slice_means(per_query, facts, ["AP", "RR"])["words"] == {
        "<=3": {"queries": 2, "AP": pytest.approx(0.3), "RR": 0.5},
        "7-12": {"queries": 1, "AP": 0.9, "RR": 1.0},
    }


def test_each_best_grade_has_a_bucket_in_ascending_order():
    slices = _means(_facts(best_grade=[10, 2, 0, 2, 0.5]), [0.1, 0.2, 0.3, 0.4, 0.5])
    assert list(slices["best_grade"]) == ["0", "0.5", "2", "10"]
    assert slices["best_grade"]["2"] == {"queries": 2, "AP": pytest.approx(0.3)}


@pytest.mark.parametrize(
    ("frequencies", "thirds"),
    [
        ([5, 1, 3], {"head": [0], "torso": [2], "tail": [1]}),
        ([9, 8, 7, 3, 2, 1], {"head": [0, 1], "torso": [2, 3], "tail": [4, 5]}),
        ([4, 4, 4, 4], {"torso": [0, 1, 2, 3]}),
        ([1, 1, 1, 1, 1, 50], {"head": [5], "torso": [0, 1, 2, 3, 4]}),
        ([0, None, 9, None, 4], {"head": [2], "torso": [4], "tail": [0]}),
        ([2], {"torso": [0]}),
    ],
)
def test_frequency_has_thirds_that_never_part_equals(frequencies, thirds):
    values = [2.0**place for place in range(len(frequencies))]  # a sum tells which queries are in it
    slices = _means(_facts(frequency=frequencies), values)["frequency"]
    sums = {bucket: row["AP"] * row["queries"] for bucket, row in slices.items()}
    assert sums == pytest.approx({bucket: sum(values[place] for place in places) for bucket, places in thirds.items()})
    assert list(slices) == list(thirds)


def test_a_slice_that_nothing_is_known_of_is_left_out():
    assert list(_means(_facts(words=[1, 2]))) == ["words", "relevant", "best_grade"]
    assert slice_means({}, {}, ["AP"]) == {}


def test_every_query_is_in_one_bucket_of_a_slice_and_results_are_plain():
    draw = np.random.default_rng(1)
    ids = [f"q{number}" for number in range(500)]
    qrels = {one: {f"p{p}": int(draw.integers(0, 4)) for p in range(int(draw.integers(1, 60)))} for one in ids}
    texts = ["w " * int(draw.integers(0, 20)) for _ in ids]
    facts = query_facts(ids, texts, qrels, {one: float(draw.integers(0, 9)) for one in ids})
    per_query = {one: {"AP": float(draw.random())} for one in ids}
    slices = slice_means(per_query, facts, ["AP"])
    mean = np.mean([values["AP"] for values in per_query.values()])
    for buckets in slices.values():
        assert sum(row["queries"] for row in buckets.values()) == 500
        assert sum(row["queries"] * row["AP"] for row in buckets.values()) / 500 == pytest.approx(mean)
    assert json.loads(json.dumps([facts, slices])) == [facts, slices]


@pytest.mark.parametrize(
    ("per_query", "message"),
    [
        ({"q9": {"AP": 1.0}}, "nothing is known of query 'q9'"),
        ({"q0": {"RR": 1.0}}, "'q0' has no value of AP; it has RR"),
    ],
)
def test_values_without_facts_or_measures_are_an_error(per_query, message):
    with pytest.raises(WrankError, match=message):
        slice_means(per_query, _facts(words=[1]), ["AP"])


def test_the_lowest_relevant_grade_is_the_set_s():
    qrels = {"a": {"p": 1, "q": 2, "r": 3, "s": 0}}
    counts = [query_facts(["a"], ["x"], qrels, relevant=grade)["a"]["relevant"] for grade in (1, 2, 3, 4)]
    assert counts == [3, 2, 1, 0]
