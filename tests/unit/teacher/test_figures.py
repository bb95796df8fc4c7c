import numpy as np
import pytest

from wrank.teacher.figures import agreement, by_grade, spread

NAN = np.nan


def test_agreement_by_hand():
    """Within lists only, ties half, unjudged and unscored passages left out."""
    offsets = np.array([0, 3, 5, 6])
    grades = np.array([2.0, 1, 0, 1, NAN, 3])
    scores = np.array([0.5, 0.9, 0.5, 0.1, 0.7, 0.0])
    # (2 > 1: wrong), (2 > 0: tie), (1 > 0: right)
    assert agreement(offsets, grades, scores) == {"share": 0.5, "pairs": 3}
    assert agreement(offsets, grades, np.array([3, 2, 1, NAN, NAN, NAN])) == {"share": 1.0, "pairs": 3}
    assert agreement(offsets, np.ones(6), scores) == {"share": None, "pairs": 0}


def test_spread_and_scores_by_grade():
    assert spread(np.array([NAN])) == {}
    rows = by_grade(np.array([1.0, 0, 1, NAN]), np.array([1.0, 5, 3, 7]))
    assert [(row["grade"], row["pairs"], row["mean"]) for row in rows] == [(1.0, 2, 2.0), (0.0, 1, 5.0), (None, 1, 7.0)]
    assert rows[0]["p10"] == pytest.approx(1.2)
    assert rows[0]["p90"] == pytest.approx(2.8)
