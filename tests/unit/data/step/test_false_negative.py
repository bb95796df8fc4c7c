"""Negatives that a teacher scores like positives are left out; a missing score is told, not passed over."""

import dataclasses

import numpy as np
import pytest

from wrank.data.step.base import Pairs
from wrank.data.step.false_negative import FalseNegatives
from wrank.data.table import TextTable
from wrank.errors import WrankError

NAN = float("nan")


@pytest.fixture
def make_pairs(tmp_path):
    """Pairs of queries given as lists of (grade, teacher score)."""
    names = ("queries", "passages")
    tables = [TextTable.build(((f"{n[0]}{i}", "t") for i in range(2000)), tmp_path / n) for n in names]

    def make(*queries):
        rows = np.repeat(np.arange(len(queries), dtype=np.int32), [len(query) for query in queries])
        grades, teacher = np.array([pair for query in queries for pair in query]).reshape(-1, 2).T
        return Pairs(*tables, rows, np.arange(len(rows), dtype=np.int32), grades, teacher=teacher)

    return make


QUERY = [(0, 0.55), (1, 0.8), (0, 0.35), (2, 0.6), (0, 0.75), (0.5, 0.4)]


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({"kind": "absolute", "value": 0.15}, [0, 4]),  # above 0.45
        ({"kind": "absolute", "value": 0.0}, [4]),
        ({"kind": "absolute", "value": 0.1, "of": "best"}, [4]),  # above 0.7
        ({"kind": "absolute", "value": 0.3, "of": "best"}, [0, 4]),  # above 0.5
        ({"kind": "relative", "value": 0.5}, [0, 2, 4, 5]),  # above 0.3
        ({"kind": "relative", "value": 0.9, "of": "best"}, [4]),  # above 0.72
        ({"kind": "absolute", "value": 0.21, "below": 2.0}, [0, 1, 4, 5]),  # one positive, above 0.39
    ],
)
def test_what_comes_too_close_is_left_out(make_pairs, settings, left_out):
    pairs = make_pairs([(0, 0.99)], QUERY, [(1, 0.2), (0, 0.1)])
    step = FalseNegatives(**settings)
    kept = step(pairs).passage_rows.tolist()
    assert [place for place in range(1, 7) if place not in kept] == [place + 1 for place in left_out]
    assert kept[0] == 0
    assert len(pairs) == 9


def test_limits_are_exact_where_numbers_are(make_pairs):
    pairs = make_pairs([(1, 0.75), (0, 0.5), (0, 0.5000001), (0, 0.25)])
    assert FalseNegatives("absolute", 0.25)(pairs).passage_rows.tolist() == [0, 1, 3]
    pairs = make_pairs([(1, 0.5), (0, 0.25), (0, 0.2500001)])
    assert FalseNegatives("relative", 0.5)(pairs).passage_rows.tolist() == [0, 1]


def test_queries_without_a_positive_need_no_score_and_stay(make_pairs):
    step = FalseNegatives("absolute", 0.1)
    pairs = make_pairs([(0, NAN), (0, 0.9)], [(1, NAN)], [(1, 0.5), (0, 0.6), (0, 0.1)], [(0, 0.1)], [(0, 1)])
    kept = step(pairs)
    assert kept.passage_rows.tolist() == [0, 1, 2, 3, 5, 6, 7]
    assert kept.query_rows.tolist() == [0, 0, 1, 2, 2, 3, 4]
    assert step.counts == {"false_negatives": 1, "queries_without_positive": 3}


@pytest.mark.parametrize("kind", ["absolute", "relative"])
@pytest.mark.parametrize("of", ["best", "worst"])
def test_it_agrees_with_a_loop(make_pairs, kind, of):
    generator = np.random.default_rng(0)
    queries = [
        list(zip(generator.integers(0, 3, n).tolist(), generator.random(n).tolist(), strict=True))
        for n in generator.integers(1, 9, 200)
    ]
    wanted, start, pick = [], 0, max if of == "best" else min
    for query in queries:
        positives = [score for grade, score in query if grade >= 1]
        reference = pick(positives) if positives else float("inf")
        limit = reference - 0.3 if kind == "absolute" else reference * 0.3
        wanted += [start + i for i, (grade, score) in enumerate(query) if grade >= 1 or score <= limit]
        start += len(query)
    step = FalseNegatives(kind, 0.3, of=of)
    assert step(make_pairs(*queries)).passage_rows.tolist() == wanted
    assert step.counts["false_negatives"] == start - len(wanted) > 0


def test_missing_scores_are_counted_and_the_first_named(make_pairs):
    pairs = make_pairs([(0, NAN)], [(1, 0.5), (0, NAN), (0, 0.1)], [(1, NAN), (0, 0.2)])
    message = "2 of 5 pairs have none, e.g. query 'q1' with passage 'p2': data.mix.teacher must cover"
    with pytest.raises(WrankError, match=message):
        FalseNegatives("absolute", 0.1)(pairs)


def test_no_teacher_at_all_is_told(make_pairs):
    with_teacher = make_pairs([(1, 0.5), (0, 0.1)])
    pairs = dataclasses.replace(with_teacher, teacher=None)
    with pytest.raises(WrankError, match=r"2 of 2 pairs have none.*data.mix.teacher"):
        FalseNegatives("absolute", 0.1)(pairs)


def test_a_share_of_a_score_below_0_is_refused(make_pairs):
    pairs = make_pairs([(0, -1.0)], [(1, 0.5), (0, -0.25)])
    with pytest.raises(WrankError, match=r"1 scores of the teacher are below 0, e.g. -0.25 of query 'q1' with .*'p2'"):
        FalseNegatives("relative", 0.9)(pairs)
    assert len(FalseNegatives("absolute", 0.25)(pairs)) == 3


def test_nothing_stays_nothing(make_pairs):
    step = FalseNegatives("relative", 0.9)
    assert len(step(make_pairs())) == 0
    assert step.counts == {"false_negatives": 0, "queries_without_positive": 0}
    assert not step.pairwise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "share", "value": 1}, "FalseNegatives kind is 'share'; wanted one of absolute, relative"),
        ({"kind": "absolute", "value": -0.1}, "FalseNegatives value is -0.1; wanted a number from 0 up"),
        ({"kind": "absolute", "value": None}, "FalseNegatives value is None"),
        ({"kind": "relative", "value": 0}, "FalseNegatives value is 0; wanted a share above 0, up to 1"),
        ({"kind": "relative", "value": 1.5}, "FalseNegatives value is 1.5"),
        ({"kind": "absolute", "value": 1, "below": "1"}, "FalseNegatives below is '1'"),
        ({"kind": "absolute", "value": 1, "of": "mean"}, "FalseNegatives of is 'mean'; wanted one of best, worst"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        FalseNegatives(**settings)
