"""The positives of a binary source are those from a grade up, this grade included."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.min_score import MinScore
from wrank.errors import WrankError


def test_the_score_itself_is_kept():
    pairs = pairs_of([1, 3, 2], [0], [2, 1.9, 2])
    kept = MinScore(2)(pairs)
    assert kept.query_rows.tolist() == [0, 0, 2, 2]
    assert kept.passage_rows.tolist() == [1, 2, 4, 6]
    assert kept.grades.tolist() == [3, 2, 2, 2]
    assert pairs.grades.tolist() == [1, 3, 2, 0, 2, 1.9, 2]


def test_teacher_and_weights_go_with_their_pairs():
    pairs = pairs_of([1, 3], [0, 2], teacher=np.array([0.1, 0.3, 0.0, 0.2]), weights=np.array([1.0, 1.0, 2.0, 2.0]))
    kept = MinScore(1.5)(pairs)
    assert (kept.teacher.tolist(), kept.weights.tolist()) == ([0.3, 0.2], [1.0, 2.0])


def test_it_agrees_with_a_loop():
    grades = np.random.default_rng(0).integers(-2, 4, (200, 5)).tolist()
    pairs = pairs_of(*grades)
    wanted = [(q, 5 * q + i) for q, row in enumerate(grades) for i, grade in enumerate(row) if grade >= 1]
    kept = MinScore(1)(pairs)
    assert list(zip(kept.query_rows.tolist(), kept.passage_rows.tolist(), strict=True)) == wanted


def test_nothing_stays_nothing():
    assert len(MinScore(1)(pairs_of())) == 0


def test_it_may_not_follow_a_random_draw():
    assert not MinScore.pairwise


@pytest.mark.parametrize("score", [None, "1", True, float("nan"), float("inf"), [1]])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(WrankError, match=r"MinScore score is .*; wanted a finite number"):
        MinScore(score)
