"""The negatives of a binary source are those below a grade, this grade left out."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.max_score import MaxScore
from wrank.data.step.min_score import MinScore
from wrank.errors import WrankError


def test_the_score_itself_is_left_out():
    pairs = pairs_of([1, 3, 2], [0], [2, 1.9, 2])
    kept = MaxScore(2)(pairs)
    assert kept.query_rows.tolist() == [0, 1, 2]
    assert kept.passage_rows.tolist() == [0, 3, 5]
    assert kept.grades.tolist() == [1, 0, 1.9]
    assert pairs.grades.tolist() == [1, 3, 2, 0, 2, 1.9, 2]


def test_with_min_score_every_pair_is_in_one_of_the_two():
    pairs = pairs_of(*np.random.default_rng(0).integers(-2, 4, (200, 5)).tolist())
    low, high = MaxScore(1)(pairs), MinScore(1)(pairs)
    assert len(low) > 0
    assert sorted([*low.passage_rows.tolist(), *high.passage_rows.tolist()]) == list(range(1000))
    assert low.grades.max() == 0


def test_nothing_stays_nothing():
    assert len(MaxScore(1)(pairs_of())) == 0


def test_it_may_not_follow_a_random_draw():
    assert not MaxScore.pairwise


@pytest.mark.parametrize("score", [None, "1", False, float("nan"), float("-inf")])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(WrankError, match=r"MaxScore score is .*; wanted a finite number"):
        MaxScore(score)
