"""The tables show what was compared, and stay inside 140 columns."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.tracking import comparison as module
from wrank.tracking.comparison import print_comparison_table

MAIN = "nDCG@10"


def scored(values):
    per_query = {f"q{place:03}": {MAIN: float(value)} for place, value in enumerate(values)}
    return Scored("m", Path("nowhere"), {MAIN: float(np.mean(values))}, per_query, {})


def rules(*names, in_domain=()):
    return [SetRule(name, MAIN, name, name in in_domain) for name in names]


def many(sets, systems, queries=40):
    random = np.random.default_rng(0)
    names = [f"cqadupstack/number-{place}-programmers/test" for place in range(sets)]
    base = {name: random.random(queries) for name in names}
    runs = {
        f"all-MiniLM-L6-v2-ws2-{place}": {
            name: [scored(base[name] + 0.1 * place + random.normal(0, 0.01, queries)) for _ in range(3)]
            for name in names
        }
        for place in range(systems)
    }
    return compare_systems(runs, rules(*names, in_domain=names[:1]), "all-MiniLM-L6-v2-ws2-0", samples=200)


def test_a_cell_shows_mean_interval_spread_and_mark(capsys):
    values = np.linspace(0.2, 0.6, 9)
    runs = {"base": {"a": [scored(values)]}, "ws2 [hot]": {"a": [scored(values + 0.1), scored(values + 0.12)]}}
    print_comparison_table(compare_systems(runs, rules("a"), "base"))
    shown = capsys.readouterr().out
    assert "0.4000" in shown
    assert "0.5100 ± 0.0141" in shown
    assert "ws2 [hot]" in shown  # not read as markup
    cell = compare_systems(runs, rules("a"), "base").cells["ws2 [hot]"]["a"]
    assert f"[{cell.low:.3f}, {cell.high:.3f}] +" in shown
    assert "+0.1100 +" in shown
    assert "0.0039" in shown  # exact: 2 of 2^9 flips
    assert "9 / 0 / 0" in shown
    assert "corrected for the 1 comparisons" in " ".join(shown.split())
    assert "average" not in shown
    assert "distribution shift" not in shown


def test_a_worse_system_gets_a_minus_and_a_missing_set_a_dash(capsys):
    values = np.linspace(0.4, 0.6, 9)
    runs = {"base": {"a": [scored(values)], "b": [scored(values)]}, "x": {"a": [scored(values - 0.1)]}}
    print_comparison_table(compare_systems(runs, rules("a", "b"), "base"))
    shown = capsys.readouterr().out
    assert "-0.1000 -" in shown
    assert any(line.startswith("│ x ") and line.endswith(" – │") for line in shown.split("\n"))


def test_average_and_shift_appear_with_their_sets(capsys):
    runs = {
        "base": {"in": [scored([0.8, 0.8])], "b": [scored([0.2, 0.4])], "c": [scored([0.5, 0.7])]},
        "x": {"in": [scored([0.9, 0.9])], "b": [scored([0.2, 0.3])], "c": [scored([0.5, 0.7])]},
    }
    print_comparison_table(compare_systems(runs, rules("in", "b", "c", in_domain=["in"]), "base"))
    shown = capsys.readouterr().out
    assert "0.4500" in shown  # mean of 0.3 and 0.6, without the in-domain 0.8
    assert "+12.5%" in shown
    assert "-16.7%" in shown
    assert "in-domain" in shown
    assert "left out (in-domain, or not scored for all systems): in" in shown.replace("\n", " ")


def test_the_best_is_bold(monkeypatch, capsys):
    monkeypatch.setattr(module, "out", lambda: Console(force_terminal=True, width=140, highlight=False))
    runs = {"base": {"a": [scored([0.1, 0.2])]}, "x": {"a": [scored([0.3, 0.4])]}}
    print_comparison_table(compare_systems(runs, rules("a"), "base"))
    shown = capsys.readouterr().out
    assert "\x1b[1m0.3500" in shown
    assert "\x1b[1m0.1500" not in shown


@pytest.mark.parametrize(("sets", "systems"), [(1, 2), (2, 3), (5, 9), (6, 4), (7, 4), (19, 8)])
def test_everything_fits_and_no_value_is_broken(capsys, sets, systems):
    comparison = many(sets, systems)
    print_comparison_table(comparison)
    shown = capsys.readouterr().out
    assert max(map(len, shown.split("\n"))) <= 140
    assert "…" not in shown
    for row in comparison.cells.values():
        for cell in row.values():
            assert f"{cell.mean:.4f} ± {cell.std:.4f}" in shown
            assert f"[{cell.low:.3f}, {cell.high:.3f}]{' ' * bool(cell.mark)}{cell.mark}" in shown


def test_many_sets_are_rows_and_many_systems_come_in_parts(capsys):
    print_comparison_table(many(7, 8))
    shown = capsys.readouterr().out
    assert shown.count("systems on the test sets") == 2
    assert "average, 6 sets" in shown
    print_comparison_table(many(6, 8))
    assert capsys.readouterr().out.count("systems on the test sets") == 1


def test_one_system_and_one_query_print_without_tests_or_intervals(capsys):
    print_comparison_table(compare_systems({"base": {"a": [scored([0.5])]}}, rules("a"), "base"))
    shown = capsys.readouterr().out
    assert "one query" in shown
    assert "difference to" not in shown
    print_comparison_table(
        compare_systems({s: {"a": [scored([v])]} for s, v in (("base", 0.5), ("x", 0.7))}, rules("a"), "base")
    )
    assert capsys.readouterr().out.count("one query") == 3
