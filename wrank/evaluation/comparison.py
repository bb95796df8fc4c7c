"""Compares several systems on several test sets: intervals, paired tests, Holm's correction, averages.

Shapes: Q queries of one set.

Each query counts with its mean over a system's seeds; intervals and tests run over queries. So they speak about other
queries and this mean of seeds; the spread over seeds stands beside them. Tests compare each system with the reference,
and Holm's correction goes over all (system, set) pairs of the table.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.compare import paired_difference
from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.evaluation.comparison_input import (
    Runs,
    check_queries,
    ordered_runs,
    read_diagnosis,
    read_queries,
    seed_means,
)
from wrank.evaluation.measure_name import check_main
from wrank.evaluation.scored import Scored
from wrank.evaluation.significance import (
    EQUAL,
    bootstrap_interval,
    effect_size,
    holm,
    over_seeds,
    randomisation_test,
    t_test,
)

Cells = dict[str, dict[str, Cell]]

MOST_FLIPS = 1_000_000
"""Random sign flips a comparison that a small alpha, or a large table, can ask for: some seconds for 10,000 queries."""

_VALUE = "value"


def compare_systems(
    scored: Runs,
    sets: Sequence[SetRule],
    reference: str,
    *,
    alpha: float = 0.05,
    samples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compares systems with a reference, set by set.

    Args:
        scored: system -> set name -> its evaluations, one a seed; none (or an empty list) where it lacks the set.
        sets: the sets of the table, in order.
        reference: the system that the others are compared with.
        alpha: level of significance: the chance, accepted for the whole table, of any difference marked by accident.
        samples: bootstrap samples and random sign flips a comparison. More flips are drawn where the table has so many
            comparisons that Holm's correction could not go below alpha / 10 otherwise, but not more than `MOST_FLIPS`:
            below that many comparisons / alpha, no p can be small enough to be marked.
        seed: of the draws; every comparison uses the same, so that none depends on what else is in the table.

    Raises:
        WrankError: alpha outside (0, 1); samples below 1; no set, a set named twice, an unknown set or reference; a
            system without any set, a set without any system; seeds or systems scored on other queries of one set; a
            main measure that is missing, not finite or no mean over queries, or of which less is better.
    """
    _check_settings(alpha, samples)
    runs = ordered_runs(scored, sets, reference)
    for main in dict.fromkeys(rule.main for rule in sets):
        check_main(main)
    rules = {rule.name: rule for rule in sets}
    values = _query_values(runs, rules)
    cells: Cells = {
        system: {
            name: _cell(seeds, rules[name].main, values[system][name], samples, seed) for name, seeds in row.items()
        }
        for system, row in runs.items()
    }
    pairs = [(system, name) for system in cells for name in cells[system] if _tested(system, name, reference, cells)]
    flips = max(samples, min(MOST_FLIPS, math.ceil(10 * len(pairs) / alpha)))
    for system, name in pairs:
        against = values[reference][name], values[system][name]
        cells[system][name] = _test(cells[system][name], *against, samples=samples, flips=flips, seed=seed)
    _mark(cells, pairs, alpha)
    whole = Comparison(tuple(sets), tuple(runs), reference, cells, {}, values, {}, {}, alpha, {}, {})
    return _with_averages(_with_details(replace(whole, samples=flips, comparisons=len(pairs)), runs))


def _query_values(runs: Runs, rules: Mapping[str, SetRule]) -> dict[str, dict[str, dict[str, float]]]:
    """System -> set -> query id -> main measure, mean over seeds; all systems of a set have the same queries."""
    values = {
        system: {name: seed_means(f"{system} on {name}", seeds, rules[name].main) for name, seeds in row.items()}
        for system, row in runs.items()
    }
    for name in rules:
        check_queries(name, {system: row[name] for system, row in values.items() if name in row})
    return values


def _with_details(comparison: Comparison, runs: Runs) -> Comparison:
    """With what is told beside the main measure: all measures, diagnoses, facts of the queries."""
    return replace(
        comparison,
        measures={system: {name: _measures(seeds) for name, seeds in row.items()} for system, row in runs.items()},
        diagnosis={
            system: {name: read_diagnosis(seeds) for name, seeds in row.items()} for system, row in runs.items()
        },
        queries={rule.name: _queries(rule.name, runs) for rule in comparison.sets},
    )


def _with_averages(comparison: Comparison) -> Comparison:
    """With what is told over several sets."""
    cells, base = comparison.cells, comparison.cells[comparison.reference]
    averaged = _averaged(comparison.sets, cells)
    return replace(
        comparison,
        averages={system: _average(averaged, row) for system, row in cells.items()} if averaged else {},
        averaged=tuple(rule.name for rule in averaged),
        shift={system: _shift(row, base) for system, row in cells.items()},
    )


def _check_settings(alpha: float, samples: int) -> None:
    if not 0 < alpha < 1:
        raise WrankError(f"compare: alpha is {alpha}; a level above 0 and below 1 is wanted, e.g. 0.05")
    if samples < 1:
        raise WrankError(f"compare: samples is {samples}; it must be at least 1")


def _cell(seeds: Sequence[Scored], main: str, values: Mapping[str, float], samples: int, seed: int) -> Cell:
    """A cell as far as it depends on one system alone."""
    _, std = over_seeds([statistics.fmean(row[main] for row in one.per_query.values()) for one in seeds])
    values_Q = _array(values)
    low, high = bootstrap_interval(values_Q, samples=samples, seed=seed)
    return Cell(
        mean=float(values_Q.mean()),
        low=low,
        high=high,
        std=std,
        seeds=len(seeds),
        queries=len(values_Q),
        difference=None,
        p_randomisation=None,
        p_t=None,
        p_holm=None,
        effect=None,
        mark="",
        best=False,
    )


def _tested(system: str, name: str, reference: str, cells: Cells) -> bool:
    return system != reference and name in cells[reference]


def _test(
    cell: Cell, base: Mapping[str, float], own: Mapping[str, float], *, samples: int, flips: int, seed: int
) -> Cell:
    """The cell with its difference to the reference and the tests of it."""
    base_Q, own_Q = _array(base), _array(own)
    p_t, effect = t_test(base_Q, own_Q), effect_size(base_Q, own_Q)
    return replace(
        cell,
        difference=paired_difference(_as_runs(base), _as_runs(own), _VALUE, seed=seed, samples=samples),
        p_randomisation=randomisation_test(base_Q, own_Q, samples=flips, seed=seed),
        p_t=p_t if math.isfinite(p_t) else None,
        effect=effect if math.isfinite(effect) else None,
    )


def _array(values: Mapping[str, float]) -> np.ndarray:
    return np.array(list(values.values()), dtype=np.float64)


def _as_runs(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    return {query_id: {_VALUE: value} for query_id, value in values.items()}


def _mark(cells: Cells, pairs: Sequence[tuple[str, str]], alpha: float) -> None:
    """Fills in Holm's p, the marks, and which cells are the best of their set."""
    adjusted = holm([1.0 if (p := cells[system][name].p_randomisation) is None else p for system, name in pairs])
    for (system, name), p_holm in zip(pairs, adjusted, strict=True):
        cell = cells[system][name]
        mean = cell.difference.mean if cell.difference else 0.0
        mark = ("+" if mean > 0 else "-") if p_holm < alpha else ""
        cells[system][name] = replace(cell, p_holm=p_holm, mark=mark)
    for name in {name for row in cells.values() for name in row}:
        top = max(row[name].mean for row in cells.values() if name in row)
        for row in cells.values():
            if name in row:
                row[name] = replace(row[name], best=row[name].mean >= top - EQUAL)


def _averaged(sets: Sequence[SetRule], cells: Mapping[str, Mapping[str, Cell]]) -> list[SetRule]:
    """The sets an average counts: those all systems have; out-of-domain ones where there are both kinds, as BEIR does.

    Not those whose protocol knows no average, and no sets where their main measures differ: a mean of nDCG and RR means
    nothing.
    """
    common = [rule for rule in sets if rule.averaged and all(rule.name in row for row in cells.values())]
    kept = [rule for rule in common if not rule.in_domain] or common
    return kept if len({rule.main for rule in kept}) == 1 else []


def _average(averaged: Sequence[SetRule], row: Mapping[str, Cell]) -> float:
    """Mean over groups of the mean over each group's sets."""
    groups: dict[str, list[float]] = {}
    for rule in averaged:
        groups.setdefault(rule.group, []).append(row[rule.name].mean)
    return statistics.fmean(statistics.fmean(means) for means in groups.values())


def _shift(row: Mapping[str, Cell], reference: Mapping[str, Cell]) -> dict[str, float]:
    """Set -> change relative to the reference's mean, in per cent, where that is above 0."""
    bases = {name: reference[name].mean for name in row if name in reference and reference[name].mean > 0}
    return {name: 100 * (row[name].mean - base) / base for name, base in bases.items()}


def _measures(seeds: Sequence[Scored]) -> dict[str, float]:
    """Every measure that all seeds have, mean over seeds."""
    common = [name for name in seeds[0].measures if all(name in one.measures for one in seeds)]
    return {name: statistics.fmean(one.measures[name] for one in seeds) for name in common}


def _queries(name: str, runs: Mapping[str, Mapping[str, Sequence[Scored]]]) -> dict[str, dict[str, Any]]:
    """Facts of a set's queries, from the first system that has them."""
    found = (read_queries(row[name][0].path) for row in runs.values() if name in row)
    return next((facts for facts in found if facts), {})
