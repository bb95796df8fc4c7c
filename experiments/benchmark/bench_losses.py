"""Time ws2 beside the published way to compute it: forward and backward, in one process, taking turns.

Run from the repository root: ``python -m experiments.benchmark.bench_losses``.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from experiments.benchmark.published_ws2 import published_ws2, textbook_ws2
from wrank.loss.ws2 import WS2

LIST_SIZE = 4
ROUNDS = {64: 15, 256: 5}  # queries -> rounds
WARM_UP = 2


def main() -> dict[str, float]:
    """Measure, print a table, and return the numbers.

    Returns:
        For each way and number of queries B: ``ws2_<way>_<B>_ms`` (median), ``..._spread_ms`` (quartiles apart) and
        ``..._ratio`` (its median over wrank's).
    """
    torch.set_num_threads(1)
    results: dict[str, float] = {}
    print(f"ws2, forward + backward, K={LIST_SIZE}, one CPU thread")
    print(f"{'B':>4} {'way':<10} {'rounds':>6} {'median ms':>10} {'quartiles apart':>16} {'x wrank':>8}")
    for queries, rounds in ROUNDS.items():
        for way, (took, spread, ratio) in _measure(queries, rounds).items():
            print(f"{queries:>4} {way:<10} {rounds:>6} {took:>10.2f} {spread:>16.2f} {ratio:>8.2f}")
            name = f"ws2_{way}_{queries}"
            results |= {f"{name}_ms": took, f"{name}_spread_ms": spread, f"{name}_ratio": ratio}
    return results


def _measure(queries: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """Return for each way its median and quartile range in milliseconds, and its median over wrank's."""
    ways = _ways(queries)
    scores_BN = torch.randn(queries, queries * LIST_SIZE, generator=torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(WARM_UP + rounds):
        for name, way in ways.items():  # in turns, so that a busy machine slows all of them alike
            took = _forward_backward(way, scores_BN)
            if round_number >= WARM_UP:
                seconds[name].append(took)
    quartiles = {name: statistics.quantiles(values, n=4) for name, values in seconds.items()}
    reference = quartiles["wrank"][1]
    return {name: (1e3 * q[1], 1e3 * (q[2] - q[0]), q[1] / reference) for name, q in quartiles.items()}


def _ways(queries: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the ways to compute the loss from scores, on lists graded 0..LIST_SIZE-1."""
    own_BN = torch.eye(queries, dtype=torch.bool).repeat_interleave(LIST_SIZE, 1)
    grades_BN = torch.where(own_BN, torch.arange(LIST_SIZE, dtype=torch.float32).repeat(queries), 0.0)
    ws2 = WS2(temperature=1.0, label_temperature=1.0, in_batch_target="graded_zero")
    valid_BN = torch.ones_like(own_BN)
    return {
        "wrank": lambda scores: ws2(scores, grades_BN, own_BN=own_BN, valid_BN=valid_BN).loss,
        "published": lambda scores: published_ws2(scores, grades_BN, 1.0),
        "textbook": lambda scores: textbook_ws2(scores, grades_BN, 1.0),
    }


def _forward_backward(way: Callable[[Tensor], Tensor], scores_BN: Tensor) -> float:
    """Return the seconds of one forward and backward pass."""
    scores_BN = scores_BN.clone().requires_grad_()
    start = time.perf_counter()
    way(scores_BN).backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
