"""A loss is refused, by name, where the lists lack what it learns from."""

from types import SimpleNamespace

import numpy as np
import pytest

from wrank.data.supplement import Supplement
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.stage.needs import check_needs


class Needing(Loss):
    """A loss with needs."""

    def __init__(self, *needs):
        super().__init__()
        self.needs = frozenset(needs)


def collection(grades, **extra):
    judged = SimpleNamespace(grades=np.array(grades, dtype=np.float32), extra=extra, query_rows=np.array([3, 4]))
    return SimpleNamespace(name="c", split="train", judgements=judged, mixed=None)


@pytest.mark.parametrize("need", ["teacher", "pairs", "paraphrases"])
def test_what_is_missing_is_named_with_where_it_comes_from(need):
    with pytest.raises(WrankError, match=rf"loss=x needs {need}, which c/train has none of. Wanted: \w"):
        check_needs(Needing(need), collection([3, 2, 0]), "x", others=True)


def test_scores_that_are_all_missing_are_none():
    with pytest.raises(WrankError, match="needs teacher"):
        check_needs(Needing("teacher"), collection([1, 0], teacher=np.array([np.nan, np.nan])), "x", others=True)
    check_needs(Needing("teacher"), collection([1, 0], teacher=np.array([0.5, np.nan])), "x", others=True)


@pytest.mark.parametrize(
    ("need", "command"),
    [("teacher", "wrank score"), ("pairs", "wrank score"), ("paraphrases", "wrank generate generator=paraphrase")],
)
def test_the_command_that_makes_it_is_named(need, command):
    with pytest.raises(WrankError, match=command):
        check_needs(Needing(need), collection([3, 2, 0]), "x", others=True)


@pytest.mark.parametrize("need", ["teacher", "pairs", "paraphrases"])
def test_what_was_found_for_the_lists_is_enough(need):
    table = SimpleNamespace(query_rows=np.array([4, 9]))
    found = {"teacher": "scores", "pairs": "preferences", "paraphrases": "paraphrases"}
    supplement = Supplement(**{found[need]: table})
    check_needs(Needing(need), collection([1, 0]), "x", others=True, supplement=supplement)
    with pytest.raises(WrankError, match="none of"):
        check_needs(Needing(need), collection([1, 0]), "x", others=True, supplement=Supplement())


def test_preferences_of_other_queries_alone_are_none():
    table = SimpleNamespace(query_rows=np.array([9]))
    with pytest.raises(WrankError, match="needs pairs"):
        check_needs(Needing("pairs"), collection([1, 0]), "x", True, Supplement(preferences=table))


@pytest.mark.parametrize("grades", [[1], [1, 1], [0], []])
def test_one_grade_alone_is_nothing_to_order(grades):
    with pytest.raises(WrankError, match="two different grades"):
        check_needs(Needing("grades"), collection(grades), "x", others=False)
    check_needs(Needing(), collection(grades), "x", others=False)


def test_negatives_are_a_grade_of_their_own():
    check_needs(Needing("grades"), collection([1]), "x", others=True)
    with pytest.raises(WrankError, match="two different grades"):
        check_needs(Needing("grades"), collection([0]), "x", others=True)


@pytest.mark.parametrize("grades", [[1, 0], [1, 2], [0.2, 0.7]])
def test_two_grades_are_enough(grades):
    check_needs(Needing("grades"), collection(grades), "x", others=False)


def test_a_threshold_that_no_grade_reaches_is_refused_before_a_training_that_learns_nothing():
    from wrank.loss.infonce import InfoNCE

    loss = InfoNCE(temperature=0.05, positive_threshold=9)
    with pytest.raises(WrankError, match="positive_threshold is 9, but the highest grade of c/train is 4"):
        check_needs(loss, collection([4, 1, 0]), "infonce", others=True)
    check_needs(InfoNCE(temperature=0.05, positive_threshold=4), collection([4, 1, 0]), "infonce", others=True)
    check_needs(InfoNCE(temperature=0.05, positive_threshold=9, positives="best"), collection([4]), "x", others=True)


def test_grades_above_the_losss_scale_are_told(caplog):
    from wrank.loss.bce_graded import BCEGraded

    check_needs(BCEGraded(max_grade=3, scale=10, bias=-5), collection([4, 1, 0]), "bce_graded", others=True)
    assert "set loss.max_grade=4" in caplog.text
    caplog.clear()
    check_needs(BCEGraded(max_grade=4, scale=10, bias=-5), collection([4, 1, 0]), "bce_graded", others=True)
    assert not caplog.text
