"""A loss is refused, by name, where the lists lack what it learns from."""

from types import SimpleNamespace

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.stage.needs import check_needs


class Needing(Loss):
    """A loss with needs."""

    def __init__(self, *needs):
        super().__init__()
        self.needs = frozenset(needs)


def collection(grades, **extra):
    judged = SimpleNamespace(grades=np.array(grades, dtype=np.float32), extra=extra)
    return SimpleNamespace(name="c", split="train", judgements=judged)


@pytest.mark.parametrize("need", ["teacher", "pairs", "paraphrases"])
def test_what_is_missing_is_named_with_where_it_comes_from(need):
    with pytest.raises(WrankError, match=rf"loss=x needs {need}, which c/train has none of. Wanted: \w"):
        check_needs(Needing(need), collection([3, 2, 0]), "x")


def test_scores_that_are_all_missing_are_none():
    with pytest.raises(WrankError, match="needs teacher"):
        check_needs(Needing("teacher"), collection([1, 0], teacher=np.array([np.nan, np.nan])), "x")
    check_needs(Needing("teacher"), collection([1, 0], teacher=np.array([0.5, np.nan])), "x")


@pytest.mark.parametrize("grades", [[1], [1, 0], [0], []])
def test_binary_labels_are_no_levels(grades):
    with pytest.raises(WrankError, match="loss=infonce"):
        check_needs(Needing("grades"), collection(grades), "x")
    check_needs(Needing(), collection(grades), "x")


@pytest.mark.parametrize("grades", [[1, 2], [0, 1, 2], [0.2, 0.7]])
def test_two_grades_above_0_are_levels(grades):
    check_needs(Needing("grades"), collection(grades), "x")
