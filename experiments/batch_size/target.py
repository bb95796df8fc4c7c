"""How much of ws2's target stays with a query's own list, and at which label temperature it stays the same.

``python -m experiments.batch_size.target`` writes ``target.csv``. Nothing is trained: the loss's own target code is
asked for grades 3, 2, 1, 0 (lists of 4, no padding), with ``in_batch_target`` graded_zero, the published form.

Shapes: B queries, N = 4 * B passages.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import torch

from wrank.loss.ws2 import WS2

GRADES = (3.0, 2.0, 1.0, 0.0)
SIZES = (16, 64, 256, 1024)
TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 2.0)
COLUMNS = ("passages", "queries", "label_temperature", "own_mass", "best_mass", "best_of_own", "others_each")


class Target(NamedTuple):
    """One query's target: its own list's mass, its best passage's, and what one passage of another query holds."""

    own: float
    best: float
    other: float


def target(passages: int, label_temperature: float) -> Target:
    """The target of one of N / 4 like queries.

    Args:
        passages: N, a multiple of 4.
        label_temperature: divides the grades.
    """
    queries = passages // len(GRADES)
    loss = WS2(temperature=1.0, label_temperature=label_temperature, in_batch_target="graded_zero")
    own_BN = torch.eye(queries, dtype=torch.bool).repeat_interleave(len(GRADES), dim=1)
    grades_BN = torch.zeros(own_BN.shape, dtype=torch.float64)
    grades_BN[own_BN] = torch.tensor(GRADES, dtype=torch.float64).repeat(queries)
    _, t_BN, _ = loss.probabilities(torch.zeros_like(grades_BN), grades_BN, own_BN, torch.ones_like(own_BN))
    own_K = t_BN[0, : len(GRADES)]
    return Target(float(own_K.sum()), float(own_K[0]), float(t_BN[0, -1]))


def mending_temperature(passages: int, own_mass: float) -> float:
    """The label temperature at which the own list holds ``own_mass`` of the target, to 1e-6.

    Args:
        passages: N.
        own_mass: above the share of a uniform target, 4 / N, and below 1.
    """
    low, high = 0.05, 50.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if target(passages, middle).own > own_mass else (low, middle)
    return (low + high) / 2


def rows() -> list[dict[str, str]]:
    """The grid, then the temperatures that keep the own list's mass at what it is at N = 16 and temperature 1."""
    wanted = target(SIZES[0], 1.0).own
    cells = [(passages, temperature) for passages in SIZES for temperature in TEMPERATURES]
    cells += [(passages, mending_temperature(passages, wanted)) for passages in SIZES[1:]]
    found = []
    for passages, temperature in cells:
        one = target(passages, temperature)
        values = (temperature, one.own, one.best, one.best / one.own, one.other)
        numbers = [str(passages), str(passages // len(GRADES)), *(f"{value:.4g}" for value in values)]
        found.append(dict(zip(COLUMNS, numbers, strict=True)))
    return found


if __name__ == "__main__":
    with Path(__file__).with_name("target.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())
