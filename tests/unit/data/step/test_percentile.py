"""Grades as percentile ranks: (below + equal / 2) / n."""

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.percentile import Percentile
from wrank.errors import WrankError


def drawn(seed=0, queries=200, values=5):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, values, generator.integers(1, 9)).tolist() for _ in range(queries)]


def rank(grade, among):
    return (sum(other < grade for other in among) + sum(other == grade for other in among) / 2) / len(among)


def test_ranks_within_a_query():
    pairs = pairs_of([30, 10, 20, 40], [7], [5, 5, 9, 1], [2, 2])
    new = Percentile("query")(pairs)
    assert new.grades.tolist() == [0.625, 0.125, 0.375, 0.875, 0.5, 0.5, 0.5, 0.875, 0.125, 0.5, 0.5]
    assert new.query_rows.tolist() == pairs.query_rows.tolist()
    assert pairs.grades[:4].tolist() == [30, 10, 20, 40]


def test_ranks_among_all_grades():
    assert Percentile("all")(pairs_of([3, 1], [3], [2, 4])).grades.tolist() == [0.6, 0.1, 0.6, 0.3, 0.9]
    assert Percentile("all")(pairs_of([-8])).grades.tolist() == [0.5]


def test_it_agrees_with_a_loop():
    queries = drawn()
    pairs = pairs_of(*queries)
    wanted = [rank(grade, grades) for grades in queries for grade in grades]
    assert Percentile("query")(pairs).grades.tolist() == pytest.approx(wanted, abs=1e-15)
    every = pairs.grades.tolist()
    assert Percentile("all")(pairs).grades.tolist() == pytest.approx([rank(g, every) for g in every], abs=1e-15)


@pytest.mark.parametrize("over", ["query", "all"])
def test_nothing_stays_nothing(over):
    assert len(Percentile(over)(pairs_of())) == 0


def test_it_looks_at_more_than_the_pair():
    assert not Percentile.pairwise


@pytest.mark.parametrize("over", [None, "queries", 1])
def test_another_word_is_refused(over):
    with pytest.raises(WrankError, match=r"Percentile over is .*; wanted one of query, all"):
        Percentile(over)
