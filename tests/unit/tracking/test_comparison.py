"""The tables show what was compared, and stay inside 140 columns."""

import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.tracking import comparison as module
from wrank.tracking.comparison import print_comparison_line, print_comparison_table

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
    why = "in-domain, not scored for all systems, or without a published average"
    assert f"average: left out ({why}): in." in shown.replace("\n", " ")


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


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize(("sets", "systems"), [(1, 2), (3, 3), (7, 4)])
def test_narrow_consoles_show_every_value(monkeypatch, capsys, width, sets, systems):
    monkeypatch.setattr(module, "out", lambda: Console(width=width, highlight=False))
    comparison = many(sets, systems)
    print_comparison_table(comparison)
    shown = capsys.readouterr().out
    assert max(map(len, shown.split("\n"))) <= width
    assert "…" not in shown
    words = " ".join(shown.split())
    for row in comparison.cells.values():
        for cell in row.values():
            assert f"{cell.mean:.4f} ± {cell.std:.4f}" in shown
            if cell.difference:
                assert f"{cell.difference.low:+.4f} .. {cell.difference.high:+.4f}" in words
    assert bool(re.search(r"│ +\+0\.\d{4} \+ │", shown)) == (width >= 80)  # a table still, or words


def test_columns_leave_in_their_order_where_there_is_no_room(monkeypatch, capsys):
    values = np.linspace(0.2, 0.6, 9)
    runs = {"base": {"a": [scored(values)]}, "x": {"a": [scored(values + 0.1)]}}
    comparison = compare_systems(runs, rules("a"), "base")
    heads = {}
    for width in (140, 110, 104, 96, 88, 78, 60):
        monkeypatch.setattr(module, "out", lambda width=width: Console(width=width, highlight=False))
        print_comparison_table(comparison)
        table = capsys.readouterr().out.split("difference to base on a")[1].split("[low, high]")[0]
        heads[width] = [
            word for word in ("seeds", "p rand.", "p t", "p Holm", "d_z", "┃") if word in table.split("No room")[0]
        ]
        assert ("No room for p t" in table) == ("┃" in table and "p t" not in heads[width])
    assert heads[140] == heads[110] == ["seeds", "p rand.", "p t", "p Holm", "d_z", "┃"]
    assert heads[60] == ["seeds", "p rand.", "p t", "p Holm", "d_z"]  # words, all of them
    assert heads[96] == heads[88] == ["seeds", "p rand.", "p Holm", "d_z", "┃"]
    assert heads[78] == ["p rand.", "p Holm", "┃"]


def test_the_legend_tells_of_groups_where_there_are_any(capsys):
    runs = {"base": {name: [scored([0.8, 0.8])] for name in ("a", "b")}}
    print_comparison_table(compare_systems(runs, rules("a", "b"), "base"))
    assert "average:" not in capsys.readouterr().out
    grouped = [SetRule(name, MAIN, "one", False) for name in ("a", "b")]
    print_comparison_table(compare_systems(runs, grouped, "base"))
    shown = capsys.readouterr().out
    assert "average: sets of one group are averaged first and count once." in shown
    assert "Bold" not in shown  # which a file cannot show


def test_an_alpha_below_what_the_flips_can_tell_is_said(capsys):
    random = np.random.default_rng(1)
    runs = {name: {"a": [scored(random.random(40))]} for name in ("base", "x")}
    print_comparison_table(compare_systems(runs, rules("a"), "base", alpha=1e-7))
    assert "nothing can be marked at alpha 1e-07" in " ".join(capsys.readouterr().out.split())


def test_one_line_tells_mean_and_difference(capsys):
    values = np.linspace(0.2, 0.6, 9)
    runs = {"base": {"a": [scored(values)]}, "x": {"a": [scored(values + 0.1)]}, "y": {"a": [scored(values)]}}
    comparison = compare_systems(runs, rules("a"), "base")
    print_comparison_line(comparison)
    print_comparison_line(comparison, "y")
    print_comparison_line(comparison, "base")
    assert capsys.readouterr().out.split("\n") == [
        "x: nDCG@10 0.5000 on a, +0.1000 to base (better, p Holm 0.0078)",
        "y: nDCG@10 0.4000 on a, +0.0000 to base (no proof of a difference, p Holm 1.0000)",
        "base: nDCG@10 0.4000 on a",
        "",
    ]
    runs = {
        "base": {"a": [scored(values)], "b": [scored(values)]},
        "x": {"a": [scored(values + 0.1)], "b": [scored(values)]},
    }
    print_comparison_line(compare_systems(runs, rules("a", "b"), "base"))
    assert (
        capsys.readouterr().out
        == "x: nDCG@10 0.4500 on average over 2 sets, +0.0500 to base (better on 1, worse on 0)\n"
    )
    others = [SetRule("a", MAIN, "a", False, averaged=False), SetRule("b", MAIN, "b", False, averaged=False)]
    print_comparison_line(compare_systems(runs, others, "base"))
    assert capsys.readouterr().out.endswith("to base (better, p Holm 0.0078); and 1 more sets\n")


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
