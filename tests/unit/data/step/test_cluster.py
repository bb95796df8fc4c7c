"""Scores cut where they fall apart: the best cut of all there are."""

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.cluster import Cluster
from wrank.errors import WrankError


def cost(group):
    mean = Fraction(sum(group)) / len(group)
    return sum((value - mean) ** 2 for value in group)


def naive(grades, groups):
    """Label by grade, tried over every cut with exact numbers; None where there are too few values."""
    values = sorted(map(Fraction, grades))
    cuts = [cut for cut in range(1, len(values)) if values[cut] != values[cut - 1]]
    if len(cuts) < groups - 1:
        return None

    def badness(chosen):
        edges = [0, *chosen, len(values)]
        total = sum(cost(values[a:b]) for a, b in pairwise(edges))
        return total, chosen[0] if groups == 3 else 0, len(values) - chosen[-1]

    best = min(combinations(cuts, groups - 1), key=badness)
    return {value: 1 if place >= best[-1] else 0 if place < best[0] else None for place, value in enumerate(values)}


def test_the_middle_is_left_out():
    step = Cluster()
    new = step(pairs_of([0.9, 0.1, 0.5, 0.95, 0.12, 0.52], [1, 2], [5, 0, 9], [4, 4, 4, 4]))
    assert new.query_rows.tolist() == [0, 0, 0, 0, 2, 2]
    assert new.passage_rows.tolist() == [0, 1, 3, 4, 9, 10]
    assert new.grades.tolist() == [1, 0, 1, 0, 0, 1]
    assert step.counts == {"queries_with_too_few_values": 2, "pairs_in_the_middle": 3}


def test_two_groups_leave_no_middle():
    step = Cluster(positive=3, negative=-1, groups=2)
    pairs = pairs_of([1, 10, 2, 11, 3], [4, 4], [0, 1])
    new = step(pairs)
    assert new.grades.tolist() == [-1, 3, -1, 3, -1, -1, 3]
    assert new.query_rows.tolist() == [0, 0, 0, 0, 0, 2, 2]
    assert step.counts == {"queries_with_too_few_values": 1, "pairs_in_the_middle": 0}
    assert pairs.grades.tolist() == [1, 10, 2, 11, 3, 4, 4, 0, 1]


def test_equal_scores_stay_together():
    """Six equal scores and their neighbours: no cut through the six."""
    new = Cluster(groups=2)(pairs_of([5, 5, 5, 4, 5, 5, 5]))
    assert new.grades.tolist() == [1, 1, 1, 0, 1, 1, 1]


def test_rounding_cuts_no_equal_scores_apart():
    """The middle score is so near its neighbours that its distance to them is lost in the sums."""
    new = Cluster()(pairs_of([0, 0, 1e-8, 1], [0, 1 - 1e-8, 1, 1]))
    assert new.passage_rows.tolist() == [0, 1, 3, 4, 6, 7]
    assert new.grades.tolist() == [0, 0, 1, 0, 1, 1]


@pytest.mark.parametrize("groups", [2, 3])
def test_where_the_scale_begins_changes_nothing(groups):
    scores = np.array([0.0, 1, 5, 6, 9, 10, 11])
    near, far = (Cluster(groups=groups)(pairs_of((start + scores).tolist())) for start in (0, 1e9))
    assert far.grades.tolist() == near.grades.tolist()
    assert far.passage_rows.tolist() == near.passage_rows.tolist()


def test_of_equally_good_cuts_the_outer_groups_are_the_small_ones():
    assert Cluster(groups=2)(pairs_of([2, 1, 0])).grades.tolist() == [1, 0, 0]
    new = Cluster(groups=3)(pairs_of([3, 0, 2, 1]))
    assert (new.passage_rows.tolist(), new.grades.tolist()) == ([0, 1], [1, 0])


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("ties", [False, True])
def test_it_agrees_with_trying_every_cut(groups, ties):
    generator = np.random.default_rng(groups)
    sizes = generator.integers(1, 10, 200)
    queries = [(generator.integers(0, 6, n) if ties else 100 + generator.normal(0, 5, n)).tolist() for n in sizes]
    wanted, start = [], 0
    for query, grades in enumerate(queries):
        labels = naive(grades, groups) or {}
        for place, grade in enumerate(grades):
            if (label := labels.get(Fraction(grade))) is not None:
                wanted.append((query, start + place, label))
        start += len(grades)
    new = Cluster(groups=groups)(pairs_of(*queries))
    columns = (new.query_rows.tolist(), new.passage_rows.tolist(), new.grades.tolist())
    assert list(zip(*columns, strict=True)) == wanted
    assert len(wanted) > 200


@pytest.mark.parametrize("groups", [2, 3])
def test_queries_without_more_negatives_than_positives_are_left_out_where_asked(groups):
    """Against the labels of all cuts: as SCARLet samples, a query counts when it has more negatives than positives."""
    generator = np.random.default_rng(7)
    queries = [generator.normal(0, 5, n).tolist() for n in generator.integers(1, 9, 100)]
    wanted = []
    for query, grades in enumerate(queries):
        labels = [label for label in (naive(grades, groups) or {}).values() if label is not None]
        wanted += [query] * len(labels) * (labels.count(0) > labels.count(1))
    step = Cluster(groups=groups, more_negatives=True)
    assert step(pairs_of(*queries)).query_rows.tolist() == wanted
    assert 10 < step.counts["queries_with_too_few_negatives"] < 90


def test_a_mix_that_does_not_ask_for_more_negatives_keeps_its_key():
    assert "more_negatives" not in Cluster().identity()
    assert Cluster(more_negatives=True).identity()["more_negatives"] is True


def test_nothing_stays_nothing():
    step = Cluster()
    assert len(step(pairs_of())) == 0
    assert step.counts == {"queries_with_too_few_values": 0, "pairs_in_the_middle": 0}
    assert not step.pairwise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positive": "1"}, "Cluster positive is '1'"),
        ({"negative": None}, "Cluster negative is None"),
        ({"positive": 0}, "Cluster positive is 0; wanted more than Cluster negative, 0.0"),
        ({"groups": 4}, "Cluster groups is 4; wanted 2 or 3"),
        ({"groups": True}, "Cluster groups is True"),
        ({"groups": "3"}, "Cluster groups is '3'"),
        ({"more_negatives": 1}, "Cluster more_negatives is 1; wanted true or false"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        Cluster(**settings)
