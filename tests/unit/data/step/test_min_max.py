"""Each query's grades over one range."""

import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.min_max import MinMax
from wrank.errors import WrankError


def test_distances_stay_and_ends_meet():
    """By hand: -2, 0, 2 are 0, 1/2, 1; 5, 6, 9 are 0, 1/4, 1."""
    given = pairs_of([-2, 2, 0], [5, 9, 6])
    assert MinMax()(given).grades.tolist() == [0, 1, 0.5, 0, 1, 0.25]
    assert MinMax(1, 3)(given).grades.tolist() == [1, 3, 2, 1, 3, 1.5]
    assert given.grades.tolist() == [-2, 2, 0, 5, 9, 6]


def test_a_query_whose_grades_are_equal_is_left_out_and_counted():
    step = MinMax()
    new = step(pairs_of([3, 3], [0, 1], [7]))
    assert (new.query_rows.tolist(), new.grades.tolist()) == ([1, 1], [0, 1])
    assert step.counts == {"queries_without_difference": 2, "relevant_made_irrelevant": 0}
    assert len(step(pairs_of())) == 0


def test_grades_that_are_all_relevant_stay_so_above_a_floor():
    """By hand: 1 and 2 over 0 to 2 are 1/2 and 1; a single 3 is 1; -2 is below the floor and the low end itself."""
    given = pairs_of([1, 2], [3], [-2, 2])
    step = MinMax(floor=0)
    assert step(given).grades.tolist() == [0.5, 1, 1, 0, 1]
    assert step.counts["relevant_made_irrelevant"] == 0
    step = MinMax()
    assert step(given).grades.tolist() == [0, 1, 0, 1]
    assert step.counts["relevant_made_irrelevant"] == 1


@pytest.mark.parametrize("settings", [{"low": -1}, {"low": 1}, {"high": 0}, {"high": "1"}, {"low": float("nan")}])
def test_a_range_that_is_none_is_refused(settings):
    with pytest.raises(WrankError, match="MinMax"):
        MinMax(**settings)
