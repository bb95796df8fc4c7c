"""Grades become others; one that no one thought of is told, not guessed."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.relabel import Relabel
from wrank.errors import WrankError


def test_all_become_one():
    pairs = pairs_of([1, 3], [0])
    new = Relabel(to=3)(pairs)
    assert (new.grades.tolist(), new.grades.dtype) == ([3, 3, 3], np.float64)
    assert new.query_rows.tolist() == [0, 0, 1]
    assert pairs.grades.tolist() == [1, 3, 0]


@pytest.mark.parametrize("map", [{0: 5, 1: 0.5, 3: -1}, {"3": -1, "1.0": 0.5, 0.0: 5}])
def test_keys_of_a_map_are_numbers_however_they_are_written(map):
    step = Relabel(map=map)
    assert step(pairs_of([1, 3], [0, 1])).grades.tolist() == [0.5, -1, 5, 0.5]
    assert step.counts == {"other_grades": 0}


def test_grades_swap_without_being_mapped_twice():
    assert Relabel(map={0: 1, 1: 0})(pairs_of([0, 1, 1])).grades.tolist() == [1, 0, 0]


def test_what_is_not_in_the_map_is_kept_or_dropped():
    pairs = pairs_of([1, 2.5], [7], [3, 1])
    keep, drop = Relabel(map={1: 10, 3: 30}, other="keep"), Relabel(map={1: 10, 3: 30}, other="drop")
    assert keep(pairs).grades.tolist() == [10, 2.5, 7, 30, 10]
    kept = drop(pairs)
    assert (kept.grades.tolist(), kept.passage_rows.tolist()) == ([10, 30, 10], [0, 3, 4])
    assert kept.query_rows.tolist() == [0, 2, 2]
    assert keep.counts == drop.counts == {"other_grades": 2}


def test_grades_not_in_the_map_are_named_with_their_numbers():
    message = "data.mix: Relabel map has no 2 .1 pairs., 4 .3 pairs., 5.5 .1 pairs. and 1 more"
    with pytest.raises(WrankError, match=message):
        Relabel(map={0: 0})(pairs_of([9, 4, 0], [4, 4, 2, 5.5]))


def test_it_agrees_with_a_loop():
    grades = np.random.default_rng(0).integers(0, 6, (200, 5)).tolist()
    map = {0: 1, 2: 5, 4: 0.5}
    wanted = [map.get(grade, grade) for row in grades for grade in row]
    assert Relabel(map=map, other="keep")(pairs_of(*grades)).grades.tolist() == wanted


def test_nothing_stays_nothing():
    assert len(Relabel(to=1)(pairs_of())) == len(Relabel(map={1: 1})(pairs_of())) == 0
    assert Relabel(to=1).pairwise
    assert not Relabel(map={1: 1}, other="drop").pairwise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one"),
        ({"to": 1, "map": {1: 2}}, "exactly one"),
        ({"to": "1"}, "Relabel to is '1'"),
        ({"to": float("nan")}, "Relabel to is nan"),
        ({"map": {}}, "Relabel map is {}"),
        ({"map": [1]}, "Relabel map is .1."),
        ({"map": {"2": 1, 2.0: 3}}, "two keys for the grade 2"),
        ({"map": {"two": 1}}, "the key 'two'"),
        ({"map": {True: 1}}, "the key True"),
        ({"map": {"nan": 1}}, "the key 'nan'"),
        ({"map": {1: None}}, "Relabel map.1 is None"),
        ({"map": {1: 2}, "other": "skip"}, "Relabel other is 'skip'; wanted one of error, keep, drop"),
        ({"to": 1, "other": "drop"}, "would do nothing"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        Relabel(**settings)
