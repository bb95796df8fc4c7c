"""What is revealed depends on judgements, seed, query and k, and on nothing else."""

import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.draw import Order, check_feedback, reveal_order
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.settings import FeedbackSettings

GRADES = {f"r{i}": 1 + i % 3 for i in range(12)} | {f"n{i}": 0 for i in range(12)}


def order(seed=0, grades=GRADES, candidates=(), corpus=None, query="q", excluded=(), **settings):
    corpus = corpus if corpus is not None else {*grades, *candidates}
    return reveal_order(query, seed, grades, list(candidates), corpus, FeedbackSettings(KNN(), **settings), excluded)


def test_draws_are_known_numbers():
    """They must not change between versions of this project: scores would no longer compare."""
    drawn = order(seed=0)
    assert (drawn.relevant[:4], drawn.nonrelevant[:4]) == (("r6", "r0", "r4", "r3"), ("n1", "n3", "n0", "n8"))


def test_all_passages_are_in_the_order_once():
    drawn = order()
    assert sorted(drawn.relevant) == sorted(id for id in GRADES if id[0] == "r")
    assert sorted(drawn.nonrelevant) == sorted(id for id in GRADES if id[0] == "n")
    assert (drawn.judged, drawn.findable) == (12, 12)


def test_neither_the_order_of_judgements_nor_the_ranking_changes_a_draw():
    backwards = dict(reversed(GRADES.items()))
    assert order(grades=backwards, candidates=["n3", "r2", "other"], nonrelevant="judged") == order()


def test_seeds_and_queries_draw_differently():
    drawn = {order(seed).relevant for seed in range(5)} | {order(query=f"q{i}").relevant for i in range(5)}
    assert len(drawn) == 10


def test_relevant_and_non_relevant_are_drawn_independently():
    assert [id[1:] for id in order().relevant] != [id[1:] for id in order().nonrelevant]


def test_every_passage_is_drawn_equally_often():
    first = [order(seed).relevant[0] for seed in range(1200)]
    assert all(70 < first.count(f"r{i}") < 135 for i in range(12))


def test_grades_below_the_lowest_relevant_one_are_neither():
    drawn = order(relevant=2)
    assert {GRADES[id] for id in drawn.relevant} == {2, 3}
    assert {GRADES[id] for id in drawn.nonrelevant} == {0}
    assert drawn.findable == 8


def test_passages_outside_the_corpus_and_excluded_ones_are_not_revealed():
    drawn = order(corpus={"r1", "r2", "n1", "n2"}, excluded={"r1", "n2"})
    assert (drawn.relevant, drawn.nonrelevant, drawn.findable) == (("r2",), ("n1",), 1)


def test_top_takes_the_best_ranked_judged_candidates():
    drawn = order(candidates=["n5", "u", "r7", "r1", "n0"], choice="top", nonrelevant="judged")
    assert (drawn.relevant, drawn.nonrelevant) == (("r7", "r1"), ("n5", "n0"))
    assert drawn.findable == 12


def test_unjudged_candidates_fill_up_after_judged_ones_best_first():
    drawn = order(
        grades={"r0": 1, "n0": 0}, candidates=["u2", "r0", "u9", "n0", "u1"], ks=[2], nonrelevant="judged_then_ranked",
        excluded={"u9"},
    )  # fmt: skip
    assert drawn.nonrelevant == ("n0", "u2", "u1")
    assert drawn.judged == 1


def test_without_the_fall_back_unjudged_candidates_are_never_revealed():
    judged = order(grades={"r0": 1, "n0": 0}, candidates=["u2", "n0"], nonrelevant="judged")
    assert judged.nonrelevant == ("n0",)


@pytest.mark.parametrize(
    ("relevant", "findable", "nonrelevant", "lack"),
    [
        (3, 3, 2, None),
        (2, 3, 2, None),
        (2, 2, 2, "queries_few_relevant"),
        (1, 9, 2, "queries_few_relevant"),
        (3, 3, 1, "queries_few_nonrelevant"),
        (0, 0, 0, "queries_few_relevant"),
    ],
)
def test_one_relevant_passage_must_be_left_to_be_found(relevant, findable, nonrelevant, lack):
    ids = tuple("abcdefghi")
    assert Order(ids[:relevant], ids[:nonrelevant], nonrelevant, findable).lack(2) == lack


def test_smaller_k_is_part_of_larger_k():
    drawn = order()
    assert drawn.taken(2) < drawn.taken(4) < drawn.taken(8)
    assert len(drawn.taken(8)) == 16


ONE = {"q": {"a": 1, "b": 1, "c": 0}, "r": {}}


@pytest.mark.parametrize(
    ("qrels", "settings"),
    [
        (ONE, {"ks": [1, 9], "nonrelevant": "judged"}),
        (ONE | {"few": {"a": 1}}, {"ks": [1]}),
        ({"q": {"a": 1, "b": 1, "c": 1}}, {"ks": [2], "nonrelevant": "judged_then_ranked"}),
    ],
)
def test_one_query_with_enough_judgements_for_one_k_is_enough(qrels, settings):
    check_feedback(FeedbackSettings(KNN(), **settings), qrels)


@pytest.mark.parametrize(
    ("qrels", "settings", "message"),
    [
        (ONE, {"ks": [2]}, "1 have fewer than 2 relevant .* and 0 fewer .*; wanted smaller evaluation.feedback.ks$"),
        (ONE, {"ks": [1, 2], "residual": "largest"}, "1 have fewer than 2 relevant"),
        (ONE, {"ks": [1], "relevant": 2}, "1 have fewer than 1 relevant .*; wanted a collection with more judgements"),
        (
            {"q": {"a": 1, "b": 1}},
            {"ks": [1], "nonrelevant": "judged"},
            "1 fewer than 1 non-relevant ones; wanted evaluation.feedback.nonrelevant=judged_then_ranked where",
        ),
        (
            {"q": dict.fromkeys("abc", 1) | {"d": 0}},
            {"ks": [2], "nonrelevant": "judged"},
            "wanted smaller evaluation.feedback.ks, or evaluation.feedback.nonrelevant=judged_then_ranked",
        ),
    ],
)
def test_what_judgements_rule_out_is_refused_without_a_ranking(qrels, settings, message):
    with pytest.raises(WrankError, match=message):
        check_feedback(FeedbackSettings(KNN(), **settings), qrels)
