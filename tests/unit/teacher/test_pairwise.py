import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.teacher.pairwise import Preferences, mean_preference


def chosen(pairs, order, query="q", seed=0):
    first, second = Preferences(pairs, seed=seed).choose(query, np.array(order, dtype=float))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def test_all_adjacent_and_none():
    assert chosen("all", [5, 6, 7]) == [(0, 1), (0, 2), (1, 2)]
    assert chosen("adjacent", [5, 7, np.nan, 6]) == [(1, 3), (3, 0), (0, 2)]
    assert chosen(None, [1, 2, 3]) == []
    for pairs in ("all", "adjacent", 3):
        assert chosen(pairs, [1.0]) == []


@pytest.mark.parametrize("size", [2, 3, 7, 40])
def test_random_pairs_are_distinct_and_a_function_of_position(size):
    order = np.zeros(size)
    found = chosen(5, order)
    assert len(found) == len(set(found)) == min(5, size * (size - 1) // 2)
    assert all(0 <= i < j < size for i, j in found)
    assert chosen(5, order) == found
    if size == 40:
        assert chosen(5, order, "other") != found
        assert chosen(5, order, seed=1) != found


def test_every_pair_is_drawn_about_as_often():
    counts = np.zeros((5, 5))
    for number in range(2000):
        for i, j in chosen(2, np.zeros(5), f"q{number}"):
            counts[i, j] += 1
    assert counts[np.triu_indices(5, 1)] == pytest.approx(400, rel=0.2)


def test_scores_become_probabilities_without_overflow():
    first, second = np.array([1.0, 0.0, 1e6, 2.0]), np.array([0.0, 1.0, -1e6, 2.0])
    p = Preferences("all", temperature=2.0).of_scores(first, second)
    assert p == pytest.approx([0.6224593312018546, 0.3775406687981454, 1.0, 0.5])


def test_mean_preference_by_hand():
    p = mean_preference(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([0.9, 0.7, 0.4]), 4)
    assert p == pytest.approx([0.8, (0.1 + 0.4) / 2, (0.3 + 0.6) / 2, 0.5])


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [({"pairs": 0}, "pairs"), ({"pairs": "some"}, "pairs"), ({"pairs": True}, "pairs"), ({"temperature": 0}, "temp")],
)
def test_wrong_values_are_refused(keys, wanted):
    with pytest.raises(WrankError, match=wanted):
        Preferences(**keys)
    with pytest.raises(WrankError, match="seed"):
        Preferences(2, seed=-1)


def test_identity_tells_what_matters():
    assert Preferences().identity() is None
    assert Preferences("all", seed=1).identity() == Preferences("all", seed=2).identity()
    assert Preferences(3, seed=1).identity() != Preferences(3, seed=2).identity()
