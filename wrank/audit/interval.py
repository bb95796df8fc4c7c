"""Estimates with an interval: bootstrap over queries.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), percentile method. Queries are drawn with replacement,
each with all its passages: passages of one query are not independent.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: the figure.
        low: lower end of the interval.
        high: upper end.
        queries: queries behind it.
    """

    value: float
    low: float
    high: float
    queries: int


def as_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """JSON values; None stays None."""
    return None if estimate is None else asdict(estimate)


@lru_cache(maxsize=4)
def draws(queries: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each query is drawn in each resample [resamples, queries]; the same every time, and read-only."""
    rng = np.random.default_rng([seed, queries])
    drawn = rng.multinomial(queries, np.full(queries, 1 / queries), size=resamples).astype(float)
    drawn.flags.writeable = False
    return drawn


def percentile(value: float, resampled: NDArray[np.float64], confidence: float, queries: int) -> Estimate:
    """The estimate with the interval that holds the middle of the resampled values."""
    usable = resampled[np.isfinite(resampled)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail]) if len(usable) else (value, value)
    return Estimate(float(value), float(low), float(high), queries)


def ratio(
    top: NDArray[np.float64], bottom: NDArray[np.float64], *, bootstrap: int, confidence: float, seed: int
) -> Estimate | None:
    """Sum over queries of `top`, over that of `bottom`, e.g. pairs ordered rightly over pairs.

    Args:
        top: one value a query.
        bottom: one value a query; a query whose value is 0 does not take part.
        bootstrap: resamples.
        confidence: what the interval covers.
        seed: of the bootstrap.

    Returns:
        None where no query takes part.
    """
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    if not len(top):
        return None
    drawn = draws(len(top), bootstrap, seed)
    return percentile(float(top.sum() / bottom.sum()), drawn @ top / (drawn @ bottom), confidence, len(top))
