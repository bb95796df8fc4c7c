"""So many pairs a query, ties by the order given, and the order given kept."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step import take
from wrank.data.step.take import Take, by_size
from wrank.errors import WrankError


def drawn(seed=0, queries=200, values=5):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, values, generator.integers(1, 9)).tolist() for _ in range(queries)]


@pytest.mark.parametrize(
    ("choice", "passages"),
    [("top", [1, 3, 6, 7, 8]), ("bottom", [0, 2, 6, 7, 8]), ("first", [0, 1, 6, 7, 8])],
)
def test_two_of_each_query(choice, passages):
    pairs = pairs_of([0, 3, 1, 3, 3, 1], [2], [1, 1, 1])
    kept = Take(2, choice)(pairs)
    assert kept.passage_rows.tolist() == passages
    assert kept.query_rows.tolist() == [0, 0, 1, 2, 2]
    assert kept.grades.tolist() == pairs.grades[passages].tolist()
    assert pairs.grades.tolist() == [0, 3, 1, 3, 3, 1, 2, 1, 1, 1]


@pytest.mark.parametrize("block", [1, 16, 1 << 18])
@pytest.mark.parametrize("choice", ["top", "bottom", "first"])
def test_it_agrees_with_a_loop(choice, block, monkeypatch):
    monkeypatch.setattr(take, "_PAIRS", block)
    sign = {"top": -1, "bottom": 1, "first": 0}[choice]
    queries, wanted, start = drawn(), [], 0
    for grades in queries:
        chosen = sorted(range(len(grades)), key=lambda i, grades=grades: (sign * grades[i], i))[:3]
        wanted += [start + i for i in sorted(chosen)]
        start += len(grades)
    assert Take(3, choice)(pairs_of(*queries)).passage_rows.tolist() == wanted


def test_blocks_hold_every_place_once():
    offsets = pairs_of(*drawn()).offsets()
    blocks = list(by_size(offsets))
    assert sorted(place for block in blocks for place in block.ravel().tolist()) == list(range(int(offsets[-1])))
    assert [block.shape[1] for block in blocks] == sorted(set(np.diff(offsets).tolist()))
    assert sorted(row[0] for block in blocks for row in block.tolist()) == offsets[:-1].tolist()


@pytest.mark.parametrize("choice", ["top", "bottom", "first"])
def test_nothing_stays_nothing(choice):
    assert len(Take(2, choice)(pairs_of())) == 0


def test_a_random_choice_is_not_made_here():
    step = Take(2, "random", seed=7)
    assert (step.k, step.choice, step.seed, step.pairwise) == (2, "random", 7, False)
    with pytest.raises(WrankError, match="drawn each epoch"):
        step(pairs_of([1, 2, 3]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0, "choice": "top"}, "Take k is 0; wanted a whole number from 1 up"),
        ({"k": 1.0, "choice": "top"}, "Take k is 1.0"),
        ({"k": True, "choice": "top"}, "Take k is True"),
        ({"k": 1, "choice": "best"}, "Take choice is 'best'; wanted one of top, bottom, first, random"),
        ({"k": 1, "choice": "random", "seed": "0"}, "Take seed is '0'; wanted a whole number"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        Take(**settings)
