"""Checked against peers: scipy (installed), and figures of ranx 0.3.21 and statsmodels 0.15.0 taken once by hand."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from wrank.errors import WrankError
from wrank.evaluation import significance
from wrank.evaluation.significance import (
    bootstrap_interval,
    bootstrap_means,
    effect_size,
    holm,
    over_seeds,
    paired_differences,
    randomisation_test,
    t_test,
)

# fmt: off
BASE = [0.1042, 0.2017, 0.3568, 0.4091, 0.0000, 0.6237, 0.5519, 0.3184, 0.4703, 0.8026,
        0.1555, 0.9071, 0.2549, 0.3362, 0.7118, 0.0583, 0.6647, 0.2895, 0.5036, 0.1274]
BETTER = [0.2513, 0.1862, 0.5047, 0.4179, 0.2038, 0.6021, 0.7594, 0.3967, 0.4546, 0.8538,
          0.3572, 0.8819, 0.3041, 0.4886, 0.7003, 0.1527, 0.7244, 0.2068, 0.6591, 0.1274]
SAME = [0.1279, 0.1534, 0.4096, 0.3847, 0.0508, 0.6413, 0.5062, 0.3551, 0.4119, 0.8267,
        0.2024, 0.8585, 0.2731, 0.3098, 0.7556, 0.0243, 0.7069, 0.2517, 0.5282, 0.1590]
# fmt: on

# (run, exact p by integer arithmetic over all 2^19 or 2^20 flips, ranx fisher_randomization_test with 1,000,000
# permutations, ranx paired_student_t_test and statsmodels DescrStatsW.ttest_mean, which are equal)
PEERS = [
    (BETTER, 0.002933502197265625, 0.003092, 0.002639024026993505),
    (SAME, 0.6121654510498047, 0.611379, 0.6187825749788805),
]


@pytest.mark.parametrize(("run", "exact", "ranx", "t"), PEERS)
def test_figures_of_ranx_and_statsmodels(run, exact, ranx, t):
    assert randomisation_test(BASE, run, samples=2**20) == pytest.approx(exact, rel=1e-12)
    sampled = randomisation_test(BASE, run, samples=400_000)
    assert sampled == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 400_000))
    assert sampled == pytest.approx(ranx, abs=5e-3)
    assert t_test(BASE, run) == pytest.approx(t, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_exact_randomisation_equals_scipy_on_values_with_ties(seed):
    random = np.random.default_rng(seed)
    tenths_a, tenths_b = random.integers(0, 5, size=(2, 9))
    expected = stats.permutation_test(
        (tenths_b - tenths_a,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=np.inf
    ).pvalue  # on whole numbers: scipy 1.17 misses ties of floats where the mean is about 0
    assert randomisation_test(tenths_a / 10, tenths_b / 10) == pytest.approx(expected, rel=1e-12)


def test_sampled_randomisation_agrees_with_scipy_within_the_error_of_sampling():
    random = np.random.default_rng(2)
    a = random.random(80)
    b = a + random.normal(0.03, 0.2, 80)
    peer = stats.permutation_test(
        (b - a,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=50_000, rng=3
    ).pvalue
    p = randomisation_test(a, b, samples=50_000)
    assert 0.05 < p < 0.5
    assert p == pytest.approx(peer, abs=0.012)


def test_randomisation_of_three_queries_by_hand():
    """Differences 1, 2, 3 sum to 6; of the 8 flips only +++ and --- are as far from 0."""
    assert randomisation_test([0, 0, 0], [1, 2, 3]) == 2 / 8
    assert randomisation_test([0, 0, 0], [1, -2, 3]) == 6 / 8  # sums 2, -2, 0, 0, 4, -4, 6, -6 : 6 of 8 reach 2


def test_ties_are_counted_although_sums_of_floats_differ_in_the_last_bits():
    """0.1 + 0.2 - 0.3 is not 0 in floats; all sums here are multiples of 0.1."""
    tenths = [1, 2, 3, -2, 1, 4, -3]
    flips = [
        abs(sum(s * d for s, d in zip(signs, tenths, strict=True))) for signs in itertools.product((1, -1), repeat=7)
    ]
    expected = sum(total >= abs(sum(tenths)) for total in flips) / 2**7
    shifted = [0.7 + d / 10 for d in tenths]
    assert randomisation_test([0.7] * 7, shifted) == expected


def test_queries_without_a_difference_change_no_p_of_the_randomisation():
    assert randomisation_test([0.0] * 103, [1, 2, 3] + [1e-12] * 100) == 2 / 8


def test_smallest_sampled_p_is_not_zero():
    assert randomisation_test([0.0] * 50, [1.0 + i / 100 for i in range(50)], samples=999) == 1 / 1000


def test_level_of_the_randomisation_test_holds_under_the_null():
    """Of tests on exchangeable runs a share of about alpha is below alpha."""
    random = np.random.default_rng(5)
    below = [randomisation_test(*random.random((2, 25)), samples=400, seed=i) <= 0.1 for i in range(1000)]
    assert 0.07 < np.mean(below) < 0.13


@pytest.mark.parametrize("test", [randomisation_test, t_test])
def test_two_sides_and_the_order_of_the_runs_give_the_same_p(test):
    assert test(BASE, BETTER) == pytest.approx(test(BETTER, BASE), rel=1e-12)
    assert test(BASE, BASE) == 1.0


@pytest.mark.parametrize("queries", [2, 5, 300])
def test_t_test_equals_scipy(queries):
    a, b = np.random.default_rng(queries).random((2, queries))
    assert t_test(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-10)


def test_all_queries_differ_by_the_same():
    """0.3 - 0.1 and 0.7 - 0.5 differ in the last bit: no warning, no p of rounding."""
    assert t_test([0.1, 0.5, 0.2], [0.3, 0.7, 0.4]) == 0.0
    assert effect_size([0.1, 0.5, 0.2], [0.3, 0.7, 0.4]) == math.inf
    assert effect_size([0.3, 0.7, 0.4], [0.1, 0.5, 0.2]) == -math.inf
    assert randomisation_test([0.1, 0.5, 0.2], [0.3, 0.7, 0.4]) == 0.25


def test_one_query_proves_nothing():
    assert randomisation_test([0.1], [0.9]) == 1.0
    assert math.isnan(t_test([0.1], [0.9]))
    assert math.isnan(effect_size([0.1], [0.9]))
    assert (t_test([0.1], [0.1]), effect_size([0.1], [0.1])) == (1.0, 0.0)
    assert bootstrap_interval([0.4], samples=10) == (0.4, 0.4)


def test_effect_size_by_hand_and_by_its_tie_to_t():
    """Differences 1, 2, 3: mean 2, deviation 1."""
    assert effect_size([0, 0, 0], [1, 2, 3]) == pytest.approx(2.0)
    t = stats.ttest_rel(SAME, BASE).statistic
    assert effect_size(BASE, SAME) * math.sqrt(20) == pytest.approx(t, rel=1e-10)
    assert effect_size(BASE, BASE) == 0.0


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 0.04 * 1 is lifted to 0.03 * 2
        ([0.2, 0.01, 0.5, 0.01, 0.04, 0.9, 0.003], [0.6, 0.06, 1.0, 0.06, 0.16, 1.0, 0.021]),  # as statsmodels
        ([0.04, 0.04, 0.04], [0.12, 0.12, 0.12]),
        ([1.0, 0.0], [1.0, 0.0]),
    ],
)
def test_holm_by_hand(p_values, adjusted):
    assert holm(p_values) == pytest.approx(adjusted, rel=1e-12)


@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1])
def test_holm_refuses_what_is_no_p(value):
    with pytest.raises(WrankError, match="p-value 1 is"):
        holm([0.5, value])


def test_bootstrap_agrees_with_scipy_and_the_level_moves_it():
    low, high = bootstrap_interval(BASE, samples=20_000)
    peer = stats.bootstrap((BASE,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert (low, high) == pytest.approx((peer.low, peer.high), abs=0.005)
    narrow = bootstrap_interval(BASE, samples=20_000, level=0.5)
    assert low < narrow[0] < np.mean(BASE) < narrow[1] < high


def test_draws_are_a_function_of_the_seed_and_not_of_the_blocks(monkeypatch):
    first = randomisation_test(BASE, SAME, samples=3000), bootstrap_interval(BASE, samples=3000)
    exact = randomisation_test(BASE[:11], SAME[:11])
    assert (randomisation_test(BASE, SAME, samples=3000), bootstrap_interval(BASE, samples=3000)) == first
    assert randomisation_test(BASE, SAME, samples=3000, seed=1) != first[0]
    whole = bootstrap_means(np.array(BASE), 100, 0)
    assert (bootstrap_means(np.array(BASE), 100, 0, at_once=70) == whole).all()
    monkeypatch.setattr(significance, "_DRAWS_AT_ONCE", 200)
    assert randomisation_test(BASE, SAME, samples=3000) == first[0]
    assert randomisation_test(BASE[:11], SAME[:11]) == exact


@pytest.mark.parametrize("work", [randomisation_test, lambda a, b, samples: bootstrap_interval(b, samples=samples)])
def test_memory_does_not_grow_with_samples_and_queries(work):
    """6,980 queries x 5,000 samples are 279 MB of indices or bits as float64; blocks hold 2 MB a copy."""
    a, b = np.random.default_rng(0).random((2, 6980))
    tracemalloc.start()
    work(a, b, samples=5000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6


def test_over_seeds():
    assert over_seeds([0.5]) == (0.5, None)
    mean, std = over_seeds([0.1, 0.2, 0.3])
    assert (mean, std) == pytest.approx((0.2, 0.1))


@pytest.mark.parametrize("test", [randomisation_test, t_test, effect_size, paired_differences])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0.1, math.nan], [0.1, 0.2], "value 1 is nan"),
        ([0.1, 0.2], [math.inf, 0.2], "value 0 is inf"),
        ([], [], "shape"),
        ([0.1], [0.1, 0.2], "1 values in one run, 2 in the other"),
        ([[0.1]], [[0.1]], "shape"),
    ],
)
def test_values_that_cannot_be_tested(test, a, b, message):
    with pytest.raises(WrankError, match=message):
        test(a, b)


def test_settings_out_of_range():
    with pytest.raises(WrankError, match="samples is 0"):
        randomisation_test(BASE, SAME, samples=0)
    with pytest.raises(WrankError, match="samples is -1"):
        bootstrap_interval(BASE, samples=-1)
    with pytest.raises(WrankError, match="level is 1"):
        bootstrap_interval(BASE, level=1.0)
    with pytest.raises(WrankError, match="nan"):
        over_seeds([math.nan])
