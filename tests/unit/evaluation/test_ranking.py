import numpy as np
import pytest

from wrank.evaluation.ranking import Rankings, Ties, float_from_order, float_order, in_order, rankings_of


def test_ties_are_broken_by_descending_id():
    assert in_order({"a": 1.0, "c": 1.0, "b": 2.0, "10": 1.0, "9": 1.0}) == [
        ("b", 2.0),
        ("c", 1.0),
        ("a", 1.0),
        ("9", 1.0),
        ("10", 1.0),
    ]


def test_scores_equal_in_float32_are_a_tie():
    assert [passage_id for passage_id, _ in in_order({"a": 1.0 + 1e-12, "b": 1.0})] == ["b", "a"]


def test_ties_go_by_descending_code_point():
    ties = Ties.of(["a", "é", "b", "10", "9"])
    assert ties.order_N.tolist() == [1, 2, 0, 4, 3]
    assert ties.rank_N.tolist() == [2, 0, 1, 4, 3]


def test_scored_rows_are_put_into_order_after_pairs_have_left():
    rows = [np.array([2, 0, 1]), np.array([1])]
    scores = [np.array([1, 1, 3], dtype=np.float32), np.array([5], dtype=np.float32)]
    gone = np.array([[0, 1], [1, 1], [1, 2]])
    kept = rankings_of(["q", "r"], ["p0", "p1", "p2"], rows, scores, depth=2)
    assert kept.to_dict() == {"q": {"p1": 3.0, "p2": 1.0}, "r": {"p1": 5.0}}
    left = rankings_of(["q", "r"], ["p0", "p1", "p2"], rows, scores, depth=2, left_out_P2=gone)
    assert left.to_dict() == {"q": {"p2": 1.0, "p0": 1.0}, "r": {}}


@pytest.fixture
def rankings():
    rows = np.array([[2, 0, 1], [1, -1, -1]])
    scores = np.array([[0.5, 0.5, 0.5], [1.0, -np.inf, -np.inf]], dtype=np.float32)
    return Rankings(["q", "r"], ["p0", "p1", "p2"], rows, scores)


def test_places_after_the_end_of_a_short_ranking_are_not_passages(rankings):
    assert len(rankings) == 2
    assert rankings.to_dict() == {"q": {"p2": 0.5, "p0": 0.5, "p1": 0.5}, "r": {"p1": 1.0}}


def test_distinct_scores_fall_by_single_float32_steps(rankings):
    tied, single = rankings.with_distinct_scores().values()
    below = np.nextafter(np.float32(0.5), np.float32(0))
    assert [passage_id for passage_id, _ in tied] == ["p2", "p0", "p1"]
    assert [score for _, score in tied] == [0.5, below, np.nextafter(below, np.float32(0))]
    assert single == [("p1", 1.0)]


def test_distinct_scores_push_down_what_a_lowered_tie_reaches():
    one = np.float32(1)
    next_one = np.nextafter(one, np.float32(0))
    rows, scores = np.array([[0, 1, 2, 3]]), np.array([[one, one, next_one, 0.5]], np.float32)
    (pairs,) = Rankings(["q"], list("abcd"), rows, scores).with_distinct_scores().values()
    after = np.nextafter(next_one, np.float32(0))
    assert [score for _, score in pairs] == [1.0, next_one, after, 0.5]


def test_distinct_scores_cross_zero():
    (pairs,) = (
        Rankings(["q"], list("ab"), np.array([[0, 1]]), np.zeros((1, 2), np.float32)).with_distinct_scores().values()
    )
    assert pairs[0][1] == 0.0
    assert pairs[1][1] == -np.finfo(np.float32).smallest_subnormal


def test_float_order_keeps_order_and_comes_back():
    values = np.array([-np.inf, -2.0, -1e-45, 0.0, 1e-45, 1.0, 3e38, np.inf], dtype=np.float32)
    order = float_order(values)
    assert (np.diff(order.astype(np.int64)) > 0).all()
    assert (float_from_order(order) == values).all()
    assert float_order(np.array([-0.0], dtype=np.float32)) == float_order(np.array([0.0], dtype=np.float32))
