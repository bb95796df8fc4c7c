import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation import compare
from wrank.evaluation.compare import paired_difference


def _run(*values):
    return {f"q{number}": {"AP": value} for number, value in enumerate(values)}


def test_mean_and_counts_as_computed_by_hand():
    difference = paired_difference(_run(0.5, 0.5, 0.5, 0.5), _run(0.9, 0.4, 0.5, 0.6), "AP")
    assert difference.mean == pytest.approx(0.1)
    assert (difference.better, difference.worse, difference.equal, difference.queries) == (2, 1, 1, 4)
    assert difference.low < 0 < difference.mean < difference.high


def test_equal_differences_have_an_interval_of_one_point():
    difference = paired_difference(_run(0.25, 0.5), _run(0.5, 0.75), "AP")
    assert (difference.low, difference.mean, difference.high) == (0.25, 0.25, 0.25)


def test_two_queries_have_the_interval_of_the_binomial():
    """Differences 0 and 1: the mean is 0, 1/2, 1 with chances 1/4, 1/2, 1/4, so 95% reaches from 0 to 1."""
    difference = paired_difference(_run(0.0, 0.0), _run(0.0, 1.0), "AP")
    assert (difference.low, difference.mean, difference.high) == (0.0, 0.5, 1.0)


def test_interval_agrees_with_the_normal_one_for_many_queries():
    values = np.random.default_rng(3).normal(0.1, 1.0, size=2000)
    difference = paired_difference(_run(*[0.0] * 2000), _run(*values), "AP")
    half = 1.96 * values.std() / np.sqrt(2000)
    assert difference.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert difference.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_order_of_queries_and_blocks_of_draws_do_not_matter(monkeypatch):
    a, b = _run(0.1, 0.2, 0.3, 0.4, 0.5), _run(0.3, 0.1, 0.9, 0.45, 0.57)
    first = paired_difference(a, b, "AP", samples=100)
    assert paired_difference(dict(reversed(a.items())), b, "AP", samples=100) == first
    monkeypatch.setattr(compare, "_INDICES_AT_ONCE", 35)
    assert paired_difference(a, b, "AP", samples=100) == first
    assert paired_difference(a, b, "AP", samples=100, seed=1) != first


@pytest.mark.parametrize(
    ("a", "b", "settings", "message"),
    [
        ({}, {}, {}, "no query"),
        (_run(1.0), _run(1.0, 2.0), {}, "'q1'"),
        (_run(1.0), {"q0": {"RR": 1.0}}, {}, "no value of AP"),
        (_run(1.0), _run(1.0), {"samples": 0}, "samples is 0"),
    ],
)
def test_runs_that_cannot_be_paired_are_an_error(a, b, settings, message):
    with pytest.raises(WrankError, match=message):
        paired_difference(a, b, "AP", **settings)
