"""What a comparison of several systems on several test sets holds; `comparison.py` computes it.

Everything is told in the *main* measure of each set. A query's value is its mean over the system's seeds, so all
systems have one value a query, whatever their numbers of seeds.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wrank.evaluation.compare import Difference


@dataclass(frozen=True)
class SetRule:
    """One test set of a suite, and how it counts.

    Attributes:
        name: e.g. ``cranfield/test``.
        main: the measure that is compared, e.g. ``nDCG@10``; higher is better.
        group: sets of one group are averaged first and count once in the average (``cqadupstack/*``); else own name.
        in_domain: the systems were trained on data of this kind.
        averaged: whether it counts in the average; not where its suite's protocol knows none.
    """

    name: str
    main: str
    group: str
    in_domain: bool
    averaged: bool = True


@dataclass(frozen=True)
class Cell:
    """One system on one set, in the set's main measure.

    Attributes:
        mean: over queries (and seeds).
        low: lower end of the 95% bootstrap interval of the mean, queries drawn with replacement.
        high: upper end; with one query low = mean = high, which is no interval.
        std: sample standard deviation over seeds of the set's mean; None with one seed.
        seeds: how many seeds.
        queries: how many queries.
        difference: system - reference; None for the reference itself, and where the reference lacks the set.
        p_randomisation: two-sided paired randomisation test over queries; None where there is no difference to test.
        p_t: two-sided paired t-test over queries; None also where it is not defined (one query).
        p_holm: p_randomisation after Holm's correction over all comparisons of the table.
        effect: Cohen's d_z, mean / standard deviation of the differences; None also where it is not finite.
        mark: ``+`` significantly better than the reference, ``-`` significantly worse (p_holm < alpha), else empty.
        best: the highest mean of the set (all of them when tied).
    """

    mean: float
    low: float
    high: float
    std: float | None
    seeds: int
    queries: int
    difference: Difference | None
    p_randomisation: float | None
    p_t: float | None
    p_holm: float | None
    effect: float | None
    mark: str
    best: bool


@dataclass(frozen=True)
class Comparison:
    """Several systems on several sets, against one of them.

    Attributes:
        sets: the test sets, in the order of the table.
        systems: the systems' names, the reference first.
        reference: the system that the others are compared with.
        cells: system -> set name -> cell; every system is a key, a set that a system lacks is not.
        measures: system -> set name -> every measure's mean over seeds.
        per_query: system -> set name -> query id -> main measure, mean over seeds.
        averages: system -> mean over the groups of `averaged`; empty when those sets have no common measure.
        shift: system -> set name -> (mean - reference's) / reference's in per cent; no entry where the reference lacks
            the set or scores 0.
        alpha: the level of significance of `mark`.
        diagnosis: system -> set name -> content of diagnosis.json, numbers averaged over seeds; may be empty.
        queries: set name -> query id -> facts of the query; may be empty.
        averaged: the sets that `averages` counts.
        samples: random sign flips a randomisation test drew; `MOST_FLIPS` of `comparison.py` at most, unless more were
            asked for.
        comparisons: how many p-values Holm's correction went over.
    """

    sets: tuple[SetRule, ...]
    systems: tuple[str, ...]
    reference: str
    cells: Mapping[str, Mapping[str, Cell]]
    measures: Mapping[str, Mapping[str, Mapping[str, float]]]
    per_query: Mapping[str, Mapping[str, Mapping[str, float]]]
    averages: Mapping[str, float]
    shift: Mapping[str, Mapping[str, float]]
    alpha: float
    diagnosis: Mapping[str, Mapping[str, Any]]
    queries: Mapping[str, Mapping[str, Mapping[str, Any]]]
    averaged: tuple[str, ...] = ()
    samples: int = 10_000
    comparisons: int = 0

    def to_json(self) -> dict[str, Any]:
        """Everything but the values and facts of single queries, ready for JSON (no NaN, no infinity: null)."""
        kept: dict[str, Any] = {
            "sets": [asdict(rule) for rule in self.sets],
            "systems": list(self.systems),
            "reference": self.reference,
            "alpha": self.alpha,
            "samples": self.samples,
            "comparisons": self.comparisons,
            "cells": {system: {name: asdict(cell) for name, cell in row.items()} for system, row in self.cells.items()},
            "measures": self.measures,
            "averages": self.averages,
            "averaged": list(self.averaged),
            "shift": self.shift,
            "diagnosis": self.diagnosis,
        }
        return _plain(kept)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
