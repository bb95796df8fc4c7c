"""Similarities and what is refused among a method's settings."""

import math

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import check_similarity, check_weight, prepared
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.rrf import RRF


def test_cosine_scales_to_length_one_and_leaves_zero_alone():
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    assert prepared(vectors, "cosine").tolist() == [[0.6, 0.8], [0, 0]]
    assert prepared(vectors[0], "cosine").tolist() == [0.6, 0.8]


def test_dot_leaves_vectors_as_they_are():
    assert prepared(np.array([[3, 4]], np.float32), "dot").tolist() == [[3, 4]]


def test_no_vector_stays_no_vector():
    assert prepared(np.zeros((0, 2), np.float32), "cosine").shape == (0, 2)


def test_identity_holds_the_settings_of_the_inner_method_too():
    assert RRF(KNN(nonrelevant_weight=1), constant=10).identity() == {
        "name": "rrf",
        "method": {"name": "knn", "similarity": "cosine", "nonrelevant_weight": 1.0},
        "constant": 10,
    }


def test_unknown_similarity_names_the_known():
    with pytest.raises(WrankError, match="KNN similarity is 'l2'; wanted one of cosine, dot"):
        check_similarity("KNN similarity", "l2")


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "1", True, None])
def test_weights_that_are_none_are_refused(value):
    with pytest.raises(WrankError, match=r"KNN nonrelevant_weight is .*wanted a finite number from 0 up"):
        check_weight("KNN nonrelevant_weight", value)
