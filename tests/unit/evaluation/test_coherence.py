import json

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.coherence import coherence, overlap, rbo
from wrank.evaluation.ranking import Rankings


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # X = 0, 2, 2: (0 + 0.81 + 2/3 * 0.729) / 9 + 2/3 * 0.729
        ("abc", "bad", 0.144 + 0.486),
        # s = 2, l = 3, X = 1, 1, 2: (0.9 + 0.405 + 0.486 + 1 * 1 / 6 * 0.729) / 9 + ((2 - 1) / 3 + 1 / 2) * 0.729
        ("ab", "acb", 0.2125 + 0.6075),
        # s = 1, l = 2, X = 0, 1: (0 + 0.405 + 0) / 9 + (1 / 2 + 0) * 0.81
        ("b", "ab", 0.045 + 0.405),
    ],
)
def test_rbo_as_computed_by_hand_from_equation_32(first, second, expected):
    assert rbo(first, second, p=0.9) == pytest.approx(expected)
    assert rbo(second, first, p=0.9) == pytest.approx(expected)


def _plain_rbo(first, second, p):
    """Equation 32 written as sums over sets."""
    short, long = sorted((first, second), key=len)
    s, length = len(short), len(long)

    def common(depth):
        return len(set(short[:depth]) & set(long[:depth]))

    seen = sum(common(d) / d * p**d for d in range(1, length + 1))
    assumed = sum(common(s) * (d - s) / (s * d) * p**d for d in range(s + 1, length + 1))
    below = ((common(length) - common(s)) / length + common(s) / s) * p**length
    return (1 - p) / p * (seen + assumed) + below


def test_rbo_agrees_with_plain_sums_is_symmetric_and_stays_in_range():
    draw = np.random.default_rng(4)
    for _ in range(200):
        first, second = (draw.permutation(30)[: draw.integers(1, 25)].astype(str).tolist() for _ in range(2))
        p = float(draw.uniform(0.05, 0.99))
        assert rbo(first, second, p) == pytest.approx(_plain_rbo(first, second, p))
        assert rbo(first, second, p) == pytest.approx(rbo(second, first, p))
        assert 0 <= rbo(first, second, p) <= 1


@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_equal_rankings_have_rbo_1_and_disjoint_ones_0(length):
    ids = [f"p{number}" for number in range(length)]
    assert rbo(ids, ids) == pytest.approx(1)
    assert rbo(ids, [f"other {one}" for one in ids]) == 0
    assert rbo(ids, ids[: (length + 1) // 2]) == pytest.approx(1)  # the agreement seen goes on below
    assert rbo(ids, []) == rbo([], []) == 0


def test_rbo_weighs_the_top_more():
    assert rbo("abcdef", "bacdef") < rbo("abcdef", "abcdfe") < 1


@pytest.mark.parametrize(
    ("arguments", "message"), [(("ab", "ab", 1.0), "p is 1.0"), (("ab", "ab", 0), "p is 0"), (("aa", "ab"), "twice")]
)
def test_rbo_of_what_is_no_ranking_is_an_error(arguments, message):
    with pytest.raises(WrankError, match=message):
        rbo(*arguments)


def test_overlap_as_counted_by_hand():
    assert overlap("abcd", "dxya") == 1 / 2
    assert overlap("ab", "abcd") == 1 / 2
    assert (overlap("ab", "ba"), overlap("ab", "cd"), overlap("", "ab"), overlap("", "")) == (1, 0, 0, 0)


RUN = {
    "a1": [("x", 3.0), ("y", 2.0), ("z", 1.0)],
    "a2": {"y": 0.3, "x": 0.2, "w": 0.1},
    "a3": {"u": -1.0, "v": -2.0, "t": -3.0},
    "b1": {"x": 1.0},
    "b2": {"x": 5.0, "y": 4.0},
    "c1": {"x": 1.0},
}


def test_means_over_pairs_of_a_group_then_over_groups():
    found = coherence(RUN, {"a": ["a1", "a2", "a3"], "b": ["b1", "b2"], "c": ["c1"]}, depth=3)
    assert found["groups"] == {
        "a": {"queries": 3, "pairs": 3, "overlap": pytest.approx(2 / 9), "rbo": pytest.approx(0.63 / 3)},
        "b": {"queries": 2, "pairs": 1, "overlap": 0.5, "rbo": pytest.approx(1)},
    }
    assert found["overlap"] == pytest.approx((2 / 9 + 1 / 2) / 2)
    assert found["rbo"] == pytest.approx((0.63 / 3 + 1) / 2)
    counts = {name: found[name] for name in ("depth", "p", "pairs", "groups_single", "queries_missing")}
    assert counts == {"depth": 3, "p": 0.9, "pairs": 4, "groups_single": 1, "queries_missing": 0}
    assert json.loads(json.dumps(found)) == found


def test_only_the_first_ranks_are_looked_at():
    assert coherence(RUN, {"a": ["a1", "a2"]}, depth=1)["overlap"] == 0
    found = coherence(RUN, {"a": ["a1", "a2"]}, depth=2)
    assert found["overlap"] == 1
    assert found["rbo"] == pytest.approx(0.81 / 9 + 0.81)


def test_a_constant_scorer_is_not_coherent():
    """In the order of their ids, its passages would be the same for every query."""
    flat = {query_id: dict.fromkeys("xyz", 1.0) for query_id in ("a1", "a2")}
    found = coherence(flat, {"a": ["a1", "a2"]}, depth=3)
    assert (found["overlap"], found["rbo"], found["queries_constant"]) == (0, 0, 2)


def test_a_missing_query_has_nothing_in_common_and_is_counted():
    found = coherence(RUN, {"a": ["a1", "nobody", "a2"], "again": ["nobody", "a1"]}, depth=3)
    assert found["groups"]["a"]["overlap"] == pytest.approx((2 / 3) / 3)
    assert found["queries_missing"] == 1


def test_ties_go_by_id_whatever_the_order_of_the_run():
    run = {"a": [("x", 1.0), ("y", 1.0), ("z", 0.0)], "b": [("y", 1.0), ("x", 1.0), ("z", 0.0)]}
    assert coherence(run, {"q": ["a", "b"]}, depth=3)["rbo"] == pytest.approx(1)


def test_rankings_are_read():
    rows, scores = np.array([[0, 1], [0, -1]]), np.array([[2.0, 1.0], [1.0, -np.inf]], np.float32)
    found = coherence(Rankings(["a", "b"], ["x", "y"], rows, scores), {"q": ["a", "b"]}, depth=10)
    assert (found["overlap"], found["pairs"]) == (0.5, 1)


def test_groups_without_a_pair_have_no_mean():
    found = coherence(RUN, {"c": ["c1"], "empty": []}, depth=3)
    assert (found["overlap"], found["rbo"], found["groups_single"], found["groups"]) == (None, None, 2, {})


@pytest.mark.parametrize(
    ("groups", "depth", "message"),
    [({"a": ["a1"]}, 0, "depth is 0"), ({"a": ["a1", "a1"]}, 3, "group 'a' names a query twice")],
)
def test_settings_that_make_no_sense_are_an_error(groups, depth, message):
    with pytest.raises(WrankError, match=message):
        coherence(RUN, groups, depth)
