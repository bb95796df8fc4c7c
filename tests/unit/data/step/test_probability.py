"""Levels become probabilities, and only probabilities."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.probability import Probability
from wrank.errors import WrankError

LEVELS = {0: 0.0, 1: 0.1, 2: 0.6, 3: 0.95}


@pytest.mark.parametrize("levels", [LEVELS, {str(level): p for level, p in reversed(LEVELS.items())}])
def test_each_level_becomes_its_probability(levels):
    pairs = pairs_of([3, 0, 2], [1], [2, 2])
    new = Probability(levels)(pairs)
    assert new.grades.tolist() == [0.95, 0.0, 0.6, 0.1, 0.6, 0.6]
    assert new.query_rows.tolist() == [0, 0, 0, 1, 2, 2]
    assert pairs.grades.tolist() == [3, 0, 2, 1, 2, 2]


def test_it_agrees_with_a_loop():
    grades = np.random.default_rng(0).integers(0, 4, (200, 5)).tolist()
    wanted = [LEVELS[grade] for row in grades for grade in row]
    assert Probability(LEVELS)(pairs_of(*grades)).grades.tolist() == wanted


def test_a_grade_without_a_probability_is_named():
    with pytest.raises(WrankError, match=r"Probability levels has no 1.5 .2 pairs., 4 .1 pairs.: give every grade"):
        Probability(LEVELS)(pairs_of([1.5, 0], [1.5, 4]))


def test_two_levels_may_share_a_probability():
    assert Probability({0: 0, 1: 0, 2: 1})(pairs_of([0, 1, 2])).grades.tolist() == [0, 0, 1]


def test_nothing_stays_nothing():
    assert len(Probability(LEVELS)(pairs_of())) == 0
    assert Probability.pairwise


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (None, "Probability levels is None"),
        ({}, "Probability levels is {}"),
        ({0: -0.1}, "has -0.1 for 0; wanted a probability from 0 to 1"),
        ({1: 1.01}, "has 1.01 for 1"),
        ({"2": 0.2, 1: 0.5}, "has 0.5 for 1, but 0.2 for 2"),
        ({10: 0.1, 9: 0.2}, "has 0.2 for 9, but 0.1 for 10"),
        ({1: 0.1, "1.0": 0.1}, "two keys for the grade 1"),
        ({"high": 0.1}, "the key 'high'"),
        ({1: "0.1"}, "Probability levels.1 is '0.1'"),
    ],
)
def test_what_is_no_probability_is_refused(levels, message):
    with pytest.raises(WrankError, match=message):
        Probability(levels)
