"""What the sections of a comparison's page show, as plain rows: grids, plots of queries, slices, grades.

Plots, lists and diagnoses are bounded, whatever the number of queries, and every section says what it left out. The
main table, the tests and the measures are always whole: about 1 kB a (system, set) pair. So a page stays below 3 MB up
to about 1,000 pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.tracking.comparison_plot import Scale, listed, rank_queries, sorted_bars

ACROSS = 6
"""With more sets than this, sets are the rows of the main table."""

PAIRS_LISTED = 24
"""(System, set) pairs with lists of queries and titles in their plots."""

PAIRS_DRAWN = 200
"""(System, set) pairs with a plot of query differences."""

PLOTTED = 400
"""(System, set) pairs with plots of intervals."""

LISTED = 10
"""Queries in a list."""

DIAGNOSED = 200
"""(System, set) pairs with slices and grades."""

_STRIPS, _STRIPS_A_PLOT, _COLUMNS, _FEW_COLUMNS = 4800, 400, 500, 100
_NEAR = 2.5  # per cent of a plot: two words nearer than this would lie on each other
_SLICES = {
    "words": "Words in the query",
    "relevant": "Relevant passages of the query",
    "best_grade": "Best grade of the query",
    "frequency": "How often the query is asked",
}

Row = dict[str, Any]


def main_grid(comparison: Comparison) -> dict[str, Any]:
    """The main table: ``columns`` and ``rows``, of sets and systems or the other way round, with cells or averages."""
    sets: list[Row] = [{"name": rule.name, "under": _under(rule), "rule": rule} for rule in comparison.sets]
    if len(comparison.averaged) > 1 and comparison.averages:
        sets.append({"name": "Average", "under": f"{len(comparison.averaged)} sets", "rule": None})
    systems: list[Row] = [
        {"name": system, "under": "reference" if system == comparison.reference else "", "system": system}
        for system in comparison.systems
    ]

    def cells(heads: Sequence[tuple[Row, Row]]) -> list[Row]:
        return [_grid_cell(comparison, system["system"], one["rule"]) for system, one in heads]

    if len(comparison.sets) <= ACROSS:
        rows = [{**system, "cells": cells([(system, one) for one in sets])} for system in systems]
        return {"corner": "System", "columns": sets, "rows": rows}
    rows = [{**one, "cells": cells([(system, one) for system in systems])} for one in sets]
    return {"corner": "Test set", "columns": systems, "rows": rows}


def _under(rule: SetRule) -> str:
    return f"{rule.main}, in-domain" if rule.in_domain else rule.main


def _grid_cell(comparison: Comparison, system: str, rule: SetRule | None) -> Row:
    if rule is not None:
        return {"cell": comparison.cells[system].get(rule.name), "average": None}
    value, base = comparison.averages[system], comparison.averages[comparison.reference]
    best = value >= max(comparison.averages.values()) - 1e-9
    difference = None if system == comparison.reference else value - base
    return {"cell": None, "average": {"value": value, "best": best, "difference": difference}}


def interval_plots(comparison: Comparison) -> list[Row]:
    """A set each: the scale of means, and the scale of differences where there are any; systems in order.

    Of sets that are past the first `PLOTTED` pairs ``drawn`` is False, unless it is the first set.
    """
    plots: list[Row] = []
    pairs = 0
    for rule in comparison.sets:
        having = [system for system in comparison.systems if _has(comparison, system, rule)]
        rows = [(system, comparison.cells[system][rule.name]) for system in having]
        pairs += len(rows)
        base = comparison.cells[comparison.reference].get(rule.name)
        differences = [(system, cell) for system, cell in rows if cell.difference is not None]
        plots.append(
            {
                "rule": rule,
                "drawn": pairs <= PLOTTED or not plots,
                "rows": rows,
                "base": base,
                "scale": Scale.around([value for _, cell in rows for value in (cell.low, cell.high, cell.mean)]),
                "differences": differences,
                "from_zero": Scale.around([end for _, cell in differences for end in _ends(cell)], zero=True),
            }
        )
    return plots


def _has(comparison: Comparison, system: str, rule: SetRule) -> bool:
    return rule.name in comparison.cells[system]


def _ends(cell: Cell) -> tuple[float, ...]:
    assert cell.difference is not None
    return (cell.difference.low, cell.difference.mean, cell.difference.high)


def query_plots(comparison: Comparison) -> dict[str, Any]:
    """Differences by query: ``sets``, each with its systems' bars and lists; how many ``pairs``, ``drawn``, ``listed``.

    Where there are too many pairs, those with the greatest mean difference, either way, are kept.
    """
    pairs = [
        (rule.name, system)
        for rule in comparison.sets
        for system in comparison.systems
        if _has(comparison, system, rule) and comparison.cells[system][rule.name].difference is not None
    ]
    by_size = sorted(pairs, key=lambda pair: -abs(_difference(comparison, *pair)))
    drawn, detailed = set(by_size[:PAIRS_DRAWN]), set(by_size[:PAIRS_LISTED])
    strips = min(_STRIPS_A_PLOT, _STRIPS // max(1, len(detailed)))
    sets = []
    for rule in comparison.sets:
        own = [pair for pair in pairs if pair[0] == rule.name and pair in drawn]
        if own:
            sets.append({"rule": rule, **_set_plots(comparison, rule, [system for _, system in own], detailed, strips)})
    return {"sets": sets, "pairs": len(pairs), "drawn": len(drawn), "listed": len(detailed)}


def _difference(comparison: Comparison, name: str, system: str) -> float:
    difference = comparison.cells[system][name].difference
    return difference.mean if difference else 0.0


def _set_plots(
    comparison: Comparison, rule: SetRule, systems: Sequence[str], detailed: set[tuple[str, str]], strips: int
) -> Row:
    facts = comparison.queries.get(rule.name, {})

    def text_of(query_id: str) -> str:
        if query_id not in facts or facts[query_id].get("text") is None:
            return f"query {query_id}"
        return str(facts[query_id]["text"]).strip() or f"(empty) {query_id}"

    base = dict(comparison.per_query[comparison.reference][rule.name])
    ranked = {system: rank_queries(base, dict(comparison.per_query[system][rule.name]), text_of) for system in systems}
    most = max((abs(one.difference) for rows in ranked.values() for one in (rows[0], rows[-1])), default=0.0) or 1.0
    plots = []
    for system in systems:
        full = (rule.name, system) in detailed
        bars = sorted_bars(ranked[system], most, _COLUMNS if full else _FEW_COLUMNS, strips if full else 0)
        improved, harmed = listed(ranked[system], LISTED) if full else ([], [])
        cell = comparison.cells[system][rule.name]
        plots.append({"system": system, "cell": cell, "bars": bars, "improved": improved, "harmed": harmed})
    return {"most": most, "plots": plots}


def shift_plot(comparison: Comparison) -> Row | None:
    """Changes relative to the reference by domain; None unless there are both kinds of sets and a system to compare."""
    if len({rule.in_domain for rule in comparison.sets}) < 2 or len(comparison.systems) < 2:
        return None
    systems: list[Row] = []
    for system in comparison.systems[1:]:
        found = comparison.shift.get(system, {})
        domains: list[Row] = []
        for in_domain, words in ((True, "In-domain"), (False, "Out-of-domain")):
            rules = [rule for rule in comparison.sets if rule.in_domain == in_domain and rule.name in found]
            if rules:
                rows = [(rule, found[rule.name], comparison.cells[system][rule.name].mark) for rule in rules]
                mean = sum(value for _, value, _ in rows) / len(rows)
                domains.append({"words": words, "rows": rows, "mean": mean})
        if domains:
            systems.append({"system": system, "domains": domains})
    values = [value for one in systems for domain in one["domains"] for _, value, _ in domain["rows"]]
    return {"systems": systems, "scale": Scale.around(values, zero=True)} if values else None


def diagnoses(comparison: Comparison) -> dict[str, Any]:
    """Slices, grades and paraphrases by set: ``sets`` and ``left_out``, how many more sets have such figures."""
    found = []
    for rule in comparison.sets:
        known = {
            system: comparison.diagnosis[system][rule.name]
            for system in comparison.systems
            if comparison.diagnosis.get(system, {}).get(rule.name)
        }
        if known:
            found.append((rule, known))
    kept: list[Row] = []
    pairs = 0
    for rule, known in found:
        pairs += len(known)
        if kept and pairs > DIAGNOSED:
            break
        one = {"rule": rule, "slices": _slices(rule, known), "grades": _grades(known), "coherence": _coherence(known)}
        kept.append(one)
    return {"sets": kept, "left_out": len(found) - len(kept)}


def _slices(rule: SetRule, known: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    own = {system: one["slices"] for system, one in known.items() if one.get("slices")}
    tables = []
    for name in _union(own.values()):
        having = {system: slices[name] for system, slices in own.items() if name in slices}
        buckets = _union(having.values())
        rows = [
            (system, [found.get(bucket, {}).get(rule.main) for bucket in buckets]) for system, found in having.items()
        ]
        sizes = [next(found[bucket]["queries"] for found in having.values() if bucket in found) for bucket in buckets]
        most = max((value for _, values in rows for value in values if value is not None), default=0.0)
        if most or any(value is not None for _, values in rows for value in values):
            heads = [(bucket.replace("<=", "≤ "), round(size)) for bucket, size in zip(buckets, sizes, strict=True)]
            title = _SLICES.get(name, name.replace("_", " ").capitalize())
            tables.append({"title": title, "heads": heads, "rows": rows, "most": max(most, 1e-9)})
    return tables


def _grades(known: Mapping[str, Mapping[str, Any]]) -> Row | None:
    own = {system: one["calibration"] for system, one in known.items() if one.get("calibration")}
    scales = _union(one.get("grades", {}) for one in own.values())
    rows = []
    for system, one in own.items():
        means = [one.get("grades", {}).get(grade, {}).get("mean_score") for grade in scales]
        scored = [mean for mean in means if mean is not None]
        rows.append(
            {
                "system": system,
                "means": means,
                "places": _places(scales, means, Scale.around(scored)) if scored else [],
                "adjacent": one.get("adjacent", {}).get("accuracy"),
                "all": one.get("all", {}).get("accuracy"),
                "pairs": one.get("all", {}).get("pairs"),
                "tau": one.get("kendall_tau_b", {}).get("mean"),
                "outside": one.get("outside_run"),
            }
        )
    return {"grades": scales, "rows": rows} if rows else None


def _places(grades: Sequence[str], means: Sequence[float | None], scale: Scale) -> list[tuple[str, str]]:
    """Where each grade's mean lies, and what is written there: grades whose means nearly coincide share their words."""
    found = sorted(
        (float(scale.at(mean)[:-1]), grade) for grade, mean in zip(grades, means, strict=True) if mean is not None
    )
    places: list[tuple[float, list[str]]] = []
    for place, grade in found:
        if places and place - places[-1][0] < _NEAR:
            places[-1][1].append(grade)
        else:
            places.append((place, [grade]))
    return [(f"{place:.2f}%", " ".join(words)) for place, words in places]


def _coherence(known: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    own = {system: one["coherence"] for system, one in known.items() if one.get("coherence")}
    keys = ("depth", "overlap", "rbo", "pairs")
    return [{"system": system, **{key: one.get(key) for key in keys}} for system, one in own.items()]


def measure_tables(comparison: Comparison) -> list[Row]:
    """All measures of all systems, a table a set; the best value of each measure is known by its name."""
    tables = []
    for rule in comparison.sets:
        rows = [(system, row[rule.name]) for system, row in comparison.measures.items() if rule.name in row]
        if rows:
            names = _union(values for _, values in rows)
            ordered = sorted(rows, key=lambda row: comparison.systems.index(row[0]))
            tables.append({"rule": rule, "names": names, "rows": ordered})
    return tables


def _union(keys: Iterable[Iterable[str]]) -> list[str]:
    """Every key, in the order in which it came first."""
    return list(dict.fromkeys(key for one in keys for key in one))
