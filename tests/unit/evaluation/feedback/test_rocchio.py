"""The moved query, by hand."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import Case
from wrank.evaluation.feedback.rocchio import Rocchio


def test_means_of_unit_vectors_move_the_query(case):
    # q = (1, 0), mean relevant = (0, 1), mean non-relevant = (1, 0): the moved query is (0.85, 0.75)
    assert Rocchio().score(case) == pytest.approx([0.85, 0.75, 0.6 * 0.85 + 0.8 * 0.75, 0])


def test_dot_products_keep_lengths(case):
    # mean relevant = (0, 1.5), non-relevant = (5, 0): the moved query is (2 - 5, 6)
    rocchio = Rocchio(similarity="dot", alpha=2, beta=4, gamma=1)
    assert rocchio.score(case) == pytest.approx([-3, 6, -9 + 24, 0])


def test_the_mean_of_nothing_moves_nothing(case):
    nothing = np.zeros((0, 2), np.float32)
    alone = Case(case.query_D, case.ids, case.candidates_CD, nothing, nothing)
    assert Rocchio().score(alone) == pytest.approx([1, 0, 0.6, 0])


@pytest.mark.parametrize("key", ["alpha", "beta", "gamma"])
def test_negative_weights_are_refused(key):
    with pytest.raises(WrankError, match=f"Rocchio {key} is -1; wanted"):
        Rocchio(**{key: -1})
