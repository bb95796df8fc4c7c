"""Sums of reciprocal ranks, by hand."""

import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import FeedbackMethod
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.rrf import RRF, fuse, ranks


class Constant(FeedbackMethod):
    name = "constant"

    def score(self, case):
        import numpy as np

        return np.zeros(len(case.ids))


def test_ranks_of_first_stage_and_method_are_fused(case):
    # first stage: x, y, xy, zero; kNN: xy (2.2), y (2), x (1), zero (0)
    wanted = [1 / 61 + 1 / 63, 1 / 62 + 1 / 62, 1 / 63 + 1 / 61, 1 / 64 + 1 / 64]
    assert RRF(KNN()).score(case) == pytest.approx(wanted, abs=0, rel=1e-15)


def test_the_constant_is_a_setting(case):
    assert RRF(KNN(), constant=0).score(case) == pytest.approx([1 + 1 / 3, 1, 1 / 3 + 1, 0.5])


def test_ties_of_the_method_go_by_descending_id(case):
    # zero, y, xy, x
    assert RRF(Constant(), constant=0).score(case) == pytest.approx(
        [1 + 1 / 4, 1 / 2 + 1 / 2, 1 / 3 + 1 / 3, 1 / 4 + 1]
    )


def test_a_passage_that_one_ranking_lacks_gets_nothing_from_it():
    assert fuse([{"a": 1, "b": 2}, {"b": 1}], constant=1) == pytest.approx({"a": 1 / 2, "b": 1 / 3 + 1 / 2})


def test_ranks_count_from_one():
    assert ranks({"a": 0.5, "b": 2.0, "c": 0.5}) == {"b": 1, "c": 2, "a": 3}


def test_what_is_no_method_or_no_constant_is_refused():
    with pytest.raises(WrankError, match="RRF method is 'knn'; wanted a node"):
        RRF("knn")
    for constant in (-1, 60.0, True):
        with pytest.raises(WrankError, match=f"RRF constant is {constant}; wanted a whole number"):
            RRF(KNN(), constant=constant)
