import numpy as np
import pytest

from wrank.audit.interval import as_json, draws, percentile, ratio

OPTIONS = {"bootstrap": 2000, "confidence": 0.95, "seed": 0}


def test_a_ratio_of_sums_has_the_interval_of_theory():
    rng = np.random.default_rng(1)
    right = (rng.random(400) < 0.7).astype(float)
    told = ratio(right, np.ones(400), **OPTIONS)
    assert told.value == right.mean()
    assert told.high - told.low == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 400), rel=0.1)


def test_queries_without_a_pair_do_not_take_part():
    told = ratio(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0]), **OPTIONS)
    assert told.value == 0.5
    assert told.queries == 2
    assert ratio(np.zeros(3), np.zeros(3), **OPTIONS) is None
    assert as_json(None) is None


def test_draws_are_the_same_every_time_and_sum_to_the_queries():
    assert (draws(7, 100, 3) == draws(7, 100, 3)).all()
    assert (draws(7, 100, 3).sum(1) == 7).all()
    assert (draws(7, 100, 3) != draws(7, 100, 4)).any()


def test_resamples_that_mean_nothing_are_left_out():
    assert percentile(0.5, np.array([np.nan, 0.4, 0.6]), 0.9, 3).high <= 0.6
