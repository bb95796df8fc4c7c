"""How sure is it: tests over paired queries, intervals, effect sizes and a correction for many comparisons.

Shapes: Q queries, the same ones in the same order on both sides; M of them differ; S samples.

All tests are two-sided, about the mean of the differences b - a, and speak about other queries of the same kind, not
about other seeds of a training. Differences of at most `EQUAL` are rounding and count as none. Random draws are a
function of the seed alone and are made in blocks, so that the memory does not grow with S.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from wrank.errors import WrankError

EQUAL = 1e-9
"""Smaller differences between two values of a measure are rounding."""

_DRAWS_AT_ONCE = 250_000  # 2 MB a copy: larger blocks leave the cache and are slower
_TIE = 1e-10  # relative; sums of the same numbers in another order differ by less, and ties must count


def randomisation_test(
    a_Q: np.ndarray | Sequence[float], b_Q: np.ndarray | Sequence[float], *, samples: int = 10_000, seed: int = 0
) -> float:
    """Paired randomisation (Fisher-Pitman permutation) test: could the labels a and b be swapped by query?

    Under the hypothesis that a and b are exchangeable on each query, every sign of every difference is as likely as the
    other. p is the share of sign flips whose mean is at least as far from 0 as the mean seen (Smucker, Allan and
    Carterette 2007, "A comparison of statistical significance tests for information retrieval evaluation"). Where
    2^M <= samples, all 2^M flips are counted (queries that do not differ change nothing) and p is exact; else
    p = (1 + count) / (1 + samples), never 0 (Phipson and Smyth 2010, "Permutation p-values should never be zero").

    Args:
        a_Q: one value a query of one system.
        b_Q: the same queries' values of the other.
        samples: how many random flips S.
        seed: of the flips.

    Raises:
        WrankError: no query, another number of queries in a than in b, a value that is not finite, samples below 1.
    """
    _check_samples(samples)
    differences_Q = paired_differences(a_Q, b_Q)
    differences_M = differences_Q[differences_Q != 0]
    if not len(differences_M):
        return 1.0
    exact = len(differences_M) < 63 and 2 ** len(differences_M) <= samples
    bound = abs(differences_M.sum()) - _TIE * np.abs(differences_M).sum()
    blocks = _all_flips(len(differences_M)) if exact else _random_flips(len(differences_M), samples, seed)
    # a sum after flips = 2 * (sum of those that keep their sign) - sum of all
    count = sum(int((np.abs(2 * (kept_SM @ differences_M) - differences_M.sum()) >= bound).sum()) for kept_SM in blocks)
    return count / 2 ** len(differences_M) if exact else (1 + count) / (1 + samples)


def t_test(a_Q: np.ndarray | Sequence[float], b_Q: np.ndarray | Sequence[float]) -> float:
    """Paired t-test (Student 1908): p of t = mean / (std / sqrt(Q)) of the differences, Q - 1 degrees of freedom.

    Where all differences are equal the standard deviation is 0: p is 1 if they are 0, and else 0, the limit of
    a growing t. NaN with one query, for which the test is not defined (unless the difference is 0: p = 1).

    Raises:
        WrankError: as `randomisation_test`.
    """
    differences_Q = paired_differences(a_Q, b_Q)
    if not differences_Q.any():
        return 1.0
    if len(differences_Q) == 1:
        return math.nan
    if np.ptp(differences_Q) <= EQUAL:
        return 0.0
    from scipy.stats import ttest_1samp  # half a second to import

    return float(ttest_1samp(differences_Q, 0.0).pvalue)


def effect_size(a_Q: np.ndarray | Sequence[float], b_Q: np.ndarray | Sequence[float]) -> float:
    """Cohen's d_z = mean / std (ddof = 1) of the differences b - a (Cohen 1988, section 2.3.5); t = d_z * sqrt(Q).

    It does not grow with the number of queries, as t does. 0 where no query differs, infinite (with the sign of the
    mean) where all differ by the same, NaN for one query that differs.

    Raises:
        WrankError: as `randomisation_test`.
    """
    differences_Q = paired_differences(a_Q, b_Q)
    if not differences_Q.any():
        return 0.0
    if len(differences_Q) == 1:
        return math.nan
    mean = float(differences_Q.mean())
    if np.ptp(differences_Q) <= EQUAL:
        return math.copysign(math.inf, mean)
    return mean / float(differences_Q.std(ddof=1))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number m, so that the chance of any false finding among them is at most alpha.

    Step-down: the i-th smallest p (i = 1..m) becomes max over j <= i of min(1, (m - j + 1) * p_j); no assumption about
    the dependence of the tests (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Args:
        p_values: in any order, each from 0 to 1.

    Returns:
        The adjusted values in the order given.

    Raises:
        WrankError: a value that is not a number from 0 to 1.
    """
    for place, value in enumerate(p_values):
        if not 0 <= value <= 1:
            raise WrankError(f"holm: p-value {place} is {value}; a number from 0 to 1 is wanted: leave undefined out")
    adjusted, running = [0.0] * len(p_values), 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        running = max(running, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = running
    return adjusted


def bootstrap_interval(
    values_Q: np.ndarray | Sequence[float], *, samples: int = 10_000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean; queries are drawn with replacement.

    From the (1 - level) / 2 to the (1 + level) / 2 quantile of S means (Efron and Tibshirani 1993, "An Introduction to
    the Bootstrap", ch. 13). Like all percentile intervals it is somewhat narrow for few queries (below about 20), and
    one query gives one point.

    Args:
        values_Q: one value a query.
        samples: number of bootstrap samples S.
        seed: of the draws.
        level: share of the means inside.

    Raises:
        WrankError: no query, a value that is not finite, samples below 1, a level outside (0, 1).
    """
    _check_samples(samples)
    if not 0 < level < 1:
        raise WrankError(f"bootstrap: level is {level}; a share above 0 and below 1 is wanted, e.g. 0.95")
    means = bootstrap_means(_values(values_Q), samples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_means(values_Q: np.ndarray, samples: int, seed: int, at_once: int = _DRAWS_AT_ONCE) -> np.ndarray:
    """S means of Q values drawn with replacement.

    Args:
        values_Q: one value a query.
        samples: how many means S.
        seed: of the draws.
        at_once: how many values are drawn at once, at least one sample; changes the memory, not the means.
    """
    random, queries = np.random.default_rng(seed), len(values_Q)
    step = max(1, at_once // queries)
    means = []
    for start in range(0, samples, step):
        drawn_SQ = random.integers(0, queries, size=(min(step, samples - start), queries))
        means.append(values_Q[drawn_SQ].mean(axis=1))
    return np.concatenate(means)


def over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1) over seeds; no deviation, None, with one seed.

    Raises:
        WrankError: no value, or one that is not finite.
    """
    array = _values(values)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


def paired_differences(a_Q: np.ndarray | Sequence[float], b_Q: np.ndarray | Sequence[float]) -> np.ndarray:
    """Differences b - a by query, float64, with rounding (at most `EQUAL`) set to 0.

    Raises:
        WrankError: no query, another number of queries in a than in b, a value that is not finite.
    """
    a, b = _values(a_Q), _values(b_Q)
    if len(a) != len(b):
        raise WrankError(f"significance: {len(a)} values in one run, {len(b)} in the other; paired queries are wanted")
    differences_Q = b - a
    return np.where(np.abs(differences_Q) <= EQUAL, 0.0, differences_Q)


def _values(values: np.ndarray | Sequence[float]) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise WrankError(f"significance: one value a query is wanted, got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise WrankError(f"significance: value {place} is {array[place]}; finite numbers are wanted: score it again")
    return array


def _check_samples(samples: int) -> None:
    if samples < 1:
        raise WrankError(f"significance: samples is {samples}; it must be at least 1")


def _all_flips(differing: int) -> Iterator[np.ndarray]:
    """All 2^M choices of which differences keep their sign (1) and which do not (0), in blocks of rows."""
    step = max(1, _DRAWS_AT_ONCE // differing)
    for start in range(0, 2**differing, step):
        numbers = np.arange(start, min(start + step, 2**differing))
        yield (numbers[:, None] >> np.arange(differing) & 1).astype(np.float64)


def _random_flips(differing: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """S random choices of which differences keep their sign, one fair bit each, in blocks of rows."""
    random, words = np.random.PCG64(seed), -(-differing // 64)
    step = max(1, _DRAWS_AT_ONCE // (64 * words))
    for start in range(0, samples, step):
        raw = random.random_raw((min(step, samples - start), words)).astype("<u8")
        bits = np.unpackbits(raw.view(np.uint8), axis=1, count=differing)
        yield bits.astype(np.float64)
