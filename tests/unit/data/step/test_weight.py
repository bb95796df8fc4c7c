"""A part's lists weigh what was set."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.weight import Weight
from wrank.errors import WrankError


def test_every_pair_gets_the_weight():
    pairs = pairs_of([1, 3], [0])
    new = Weight(0.5)(pairs)
    assert (new.weights.tolist(), new.weights.dtype) == ([0.5, 0.5, 0.5], np.float64)
    assert (new.grades.tolist(), new.query_rows.tolist()) == ([1, 3, 0], [0, 0, 1])
    assert pairs.weights is None


def test_an_earlier_weight_is_replaced():
    pairs = pairs_of([1, 3], weights=np.array([4.0, 5.0]))
    assert Weight(2)(pairs).weights.tolist() == [2, 2]
    assert pairs.weights.tolist() == [4, 5]


def test_nothing_stays_nothing():
    new = Weight(2)(pairs_of())
    assert (len(new), new.weights.tolist()) == (0, [])
    assert Weight.pairwise


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "2", None, True])
def test_a_weight_that_is_not_above_0_is_refused(value):
    with pytest.raises(WrankError, match=r"Weight value is .*; wanted a"):
        Weight(value)
