"""Sums of similarities, by hand."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import Case
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.rocchio import Rocchio


def test_cosines_to_query_and_relevant_are_added(case):
    assert KNN().score(case) == pytest.approx([1, 2, 0.6 + 0.8 + 0.8, 0])


def test_cosines_to_non_relevant_are_taken_away_by_weight(case):
    assert KNN(nonrelevant_weight=0.5).score(case) == pytest.approx([0.5, 2, 2.2 - 0.5 * 0.6, 0])


def test_dot_products_keep_lengths(case):
    assert KNN(similarity="dot", nonrelevant_weight=1).score(case) == pytest.approx([1 - 5, 3, 3 + 12 - 15, 0])


def test_without_feedback_it_is_the_query_alone(case):
    nothing = np.zeros((0, 2), np.float32)
    alone = Case(case.query_D, case.ids, case.candidates_CD, nothing, nothing)
    assert KNN(nonrelevant_weight=1).score(alone) == pytest.approx([1, 0, 0.6, 0])


def test_it_is_rocchio_with_the_counts_as_weights(case):
    rocchio = Rocchio(alpha=1, beta=2, gamma=0.5)
    assert KNN(nonrelevant_weight=0.5).score(case) == pytest.approx(rocchio.score(case))


def test_no_candidate_gives_no_score(case):
    empty = Case(case.query_D, [], np.zeros((0, 2), np.float32), case.relevant_RD, case.nonrelevant_SD)
    assert KNN().score(empty).shape == (0,)


def test_settings_out_of_range_are_refused():
    with pytest.raises(WrankError, match="KNN nonrelevant_weight is -1"):
        KNN(nonrelevant_weight=-1)
    with pytest.raises(WrankError, match="KNN similarity is 'euclid'"):
        KNN(similarity="euclid")
