"""Whole lists: what fails leaves its query out; a comparing teacher's scores are its mean preferences."""

import numpy as np
import pytest

from wrank.teacher.base import Mark, Pairwise, Pointwise
from wrank.teacher.pairs import gather
from wrank.teacher.pairwise import Preferences
from wrank.teacher.run import comparison_count, counts, run, summary


class Numbers(Pointwise):
    """The number in the passage's text; none for some."""

    name = "numbers"

    def __init__(self, silent=()):
        self.silent = silent

    def identity(self):
        return {}

    def title(self):
        return "numbers"

    def marks(self, pairs, progress=None):
        for _, passage in pairs:
            number = int(passage.split()[2].rstrip("."))
            yield Mark(float("nan"), reason="low_mass: x") if number in self.silent else Mark(float(number))


class Larger(Pairwise):
    """0.9 for the larger number."""

    name = "larger"

    def identity(self):
        return {}

    def title(self):
        return "larger"

    def compare(self, triples, progress=None):
        for _, first, second in triples:
            one, other = (int(text.split()[2].rstrip(".")) for text in (first, second))
            yield Mark(0.9 if one > other else 0.1, mass=0.7, first=0.6)


def test_a_pair_without_a_score_leaves_its_query_out(collection, tmp_path):
    pairs = gather(collection, None)
    scored = run(Numbers(silent=(1,)), pairs, Preferences("all"), tmp_path, 2, lambda done: None)
    assert np.array_equal(scored.scores_P, [np.nan, np.nan, np.nan, 3, 0, 2], equal_nan=True)
    assert (scored.first_M.tolist(), scored.second_M.tolist()) == ([3], [4])
    assert scored.p_M == pytest.approx(1 / (1 + np.exp(-3)))
    found = counts(pairs, scored)
    assert {word: found[word] for word in ("pairs", "queries", "failed", "queries_left_out", "pairs_left_out")} == {
        "pairs": 3,
        "queries": 2,
        "failed": 1,
        "queries_left_out": 1,
        "pairs_left_out": 3,
    }
    told = summary(pairs, scored)
    assert told["agreement"] == {"share": 1.0, "pairs": 1}
    assert told["failures"]["reasons"] == {"low_mass": 1}


def test_comparisons_become_scores(collection, tmp_path):
    pairs, wanted = gather(collection, None), Preferences("all")
    assert comparison_count(pairs, wanted) == 4
    scored = run(Larger(), pairs, wanted, tmp_path, 3, lambda done: None)
    assert scored.scores_P == pytest.approx([0.5, 0.1, 0.9, 0.9, 0.1, 0.5])  # p5, p1, p7 | p3, p0 | p2 alone
    assert scored.p_M == pytest.approx([0.9, 0.1, 0.1, 0.9])
    assert summary(pairs, scored)["first_shown"] == pytest.approx(0.6)


def test_adjacent_comparisons_go_along_the_grades(collection, tmp_path):
    pairs = gather(collection, None)
    scored = run(Larger(), pairs, Preferences("adjacent"), tmp_path, 3, lambda done: None)
    assert list(zip(scored.first_M.tolist(), scored.second_M.tolist(), strict=True)) == [(0, 2), (2, 1), (3, 4)]
