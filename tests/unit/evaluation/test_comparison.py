import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.comparison import MOST_FLIPS, compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.evaluation.significance import effect_size, holm, randomisation_test, t_test

MAIN = "nDCG@10"


def scored(values, path=Path("nowhere"), **others):
    per_query = {f"q{place:03}": {MAIN: float(value)} for place, value in enumerate(values)}
    return Scored("model", path, {MAIN: float(np.mean(values)), **others}, per_query, {})


def rule(name, group=None, in_domain=False, main=MAIN):
    return SetRule(name, main, group or name, in_domain)


def one_set(*runs, **settings):
    """The reference and other systems `s1`, `s2`, ... on one set; a run is a list of seeds."""
    systems = {f"s{place}" if place else "base": {"a": [scored(v) for v in seeds]} for place, seeds in enumerate(runs)}
    return compare_systems(systems, [rule("a")], "base", **settings)


def test_cells_as_the_tests_compute_them_from_means_over_seeds():
    random = np.random.default_rng(0)
    base, first = random.random((2, 30))
    second = first + random.normal(0, 0.05, 30)
    comparison = one_set([base], [first, second])
    cell = comparison.cells["s1"]["a"]
    own = (first + second) / 2
    assert cell.mean == pytest.approx(own.mean())
    assert cell.low < cell.mean < cell.high
    assert cell.std == pytest.approx(np.std([first.mean(), second.mean()], ddof=1))
    assert (cell.seeds, cell.queries) == (2, 30)
    assert cell.p_randomisation == pytest.approx(randomisation_test(base, own))
    assert cell.p_t == pytest.approx(t_test(base, own))
    assert cell.effect == pytest.approx(effect_size(base, own))
    assert cell.difference.mean == pytest.approx((own - base).mean())
    assert cell.difference.better == (own > base).sum()
    assert comparison.per_query["s1"]["a"]["q007"] == pytest.approx(own[7])
    own_base = comparison.cells["base"]["a"]
    assert (own_base.difference, own_base.p_holm, own_base.effect, own_base.std) == (None, None, None, None)


def test_marks_go_by_holm_over_the_whole_table():
    """Exact p of five equal signs 2/32, of six 2/64, of eight 2/256; Holm over the three: 2/32, 4/64 = 2/32, 6/256."""
    base = [0.5] * 8
    up5, down6, up8 = [0.6] * 5 + [0.5] * 3, [0.4] * 6 + [0.5] * 2, [0.6] * 8
    comparison = one_set([base], [up5], [down6], [up8], alpha=0.0625)
    cells = [comparison.cells[f"s{place}"]["a"] for place in (1, 2, 3)]
    assert [cell.p_randomisation for cell in cells] == [2 / 32, 2 / 64, 2 / 256]
    assert [cell.p_holm for cell in cells] == [2 / 32, 2 / 32, 6 / 256]
    assert [cell.mark for cell in cells] == ["", "", "+"]  # p Holm < alpha, and 2/32 is not
    assert comparison.comparisons == 3
    looser = one_set([base], [up5], [down6], [up8], alpha=0.07)
    assert [looser.cells[f"s{place}"]["a"].mark for place in (1, 2, 3)] == ["+", "-", "+"]


def test_holm_counts_every_set_and_not_what_is_missing():
    random = np.random.default_rng(1)
    runs = {system: {name: [scored(random.random(12))] for name in "abc"} for system in ("base", "x", "y")}
    del runs["y"]["b"]
    comparison = compare_systems(runs, [rule(name) for name in "abc"], "base")
    tested = [("x", "a"), ("x", "b"), ("x", "c"), ("y", "a"), ("y", "c")]
    p_values = [comparison.cells[system][name].p_randomisation for system, name in tested]
    assert [comparison.cells[system][name].p_holm for system, name in tested] == holm(p_values)
    assert "b" not in comparison.cells["y"]
    assert comparison.averaged == ("a", "c")


def test_a_reference_that_lacks_a_set_leaves_it_untested():
    runs = {
        "base": {"a": [scored([0.1, 0.2])], "b": []},
        "x": {"a": [scored([0.2, 0.3])], "b": [scored([0.5, 0.7])]},
    }
    cell = compare_systems(runs, [rule("a"), rule("b")], "base").cells["x"]["b"]
    assert (cell.difference, cell.p_randomisation, cell.p_t, cell.p_holm, cell.effect) == (None,) * 5
    assert (cell.mean, cell.mark, cell.best) == (pytest.approx(0.6), "", True)
    assert "b" not in compare_systems(runs, [rule("a"), rule("b")], "base").shift["x"]


def test_best_of_a_set_is_shared_when_tied():
    cells = one_set([[0.1, 0.3]], [[0.3, 0.1]], [[0.1, 0.1]]).cells
    assert [cells[system]["a"].best for system in ("base", "s1", "s2")] == [True, True, False]


def test_equal_runs_show_no_difference():
    cell = one_set([[0.1, 0.3]], [[0.1, 0.3]]).cells["s1"]["a"]
    assert (cell.p_randomisation, cell.p_t, cell.p_holm, cell.effect, cell.mark) == (1.0, 1.0, 1.0, 0.0, "")
    assert cell.difference.equal == 2


def test_one_query_and_one_size_of_difference_are_told_as_undefined():
    cell = one_set([[0.1]], [[0.9]]).cells["s1"]["a"]
    assert (cell.low, cell.mean, cell.high, cell.p_randomisation, cell.p_t, cell.effect) == (
        0.9,
        0.9,
        0.9,
        1,
        None,
        None,
    )
    cell = one_set([[0.1, 0.5]], [[0.2, 0.6]]).cells["s1"]["a"]
    assert (cell.p_t, cell.effect, cell.mark) == (0.0, None, "")  # the randomisation test decides: p = 1/2


def test_more_flips_where_holm_could_otherwise_find_nothing():
    """With 20 comparisons and 99 flips no corrected p could be below 20/100."""
    base = np.linspace(0.1, 0.5, 40)
    runs = [[base + 0.1 + place / 1000 + np.sin(np.arange(40)) / 100] for place in range(20)]
    comparison = one_set([base], *runs, samples=99)
    assert comparison.samples == 4000
    assert {comparison.cells[f"s{place}"]["a"].mark for place in range(1, 21)} == {"+"}


def test_a_p_value_does_not_depend_on_what_else_is_in_the_table():
    random = np.random.default_rng(4)
    base, x, y = random.random((3, 40))
    alone, together = one_set([base], [x]), one_set([base], [x], [y])
    assert alone.cells["s1"]["a"].p_randomisation == together.cells["s1"]["a"].p_randomisation
    assert one_set([base], [x]) == alone
    assert one_set([base], [x], seed=1) != alone


def test_groups_count_once_and_in_domain_sets_are_left_out_of_the_average():
    sets = [rule("in", in_domain=True), rule("c/1", "c"), rule("c/2", "c"), rule("d")]
    values = {"in": 0.9, "c/1": 0.2, "c/2": 0.4, "d": 0.5}
    runs = {"base": {name: [scored([value, value])] for name, value in values.items()}}
    comparison = compare_systems(runs, sets, "base")
    assert comparison.averages == {"base": pytest.approx((0.3 + 0.5) / 2)}
    assert comparison.averaged == ("c/1", "c/2", "d")


def test_no_average_over_different_measures():
    run = Scored("m", Path("nowhere"), {"RR@10": 0.5}, {"q000": {"RR@10": 0.5}}, {})
    comparison = compare_systems(
        {"base": {"a": [scored([0.1])], "b": [run]}}, [rule("a"), rule("b", main="RR@10")], "base"
    )
    assert (comparison.averages, comparison.averaged) == ({}, ())


def test_sets_whose_protocol_knows_no_average_are_in_none():
    sets = [rule("a"), SetRule("b", MAIN, "b", False, averaged=False)]
    runs = {"base": {"a": [scored([0.2])], "b": [scored([0.8])]}}
    comparison = compare_systems(runs, sets, "base")
    assert (comparison.averages, comparison.averaged) == ({"base": pytest.approx(0.2)}, ("a",))
    none = compare_systems(runs, [replace(one, averaged=False) for one in sets], "base")
    assert (none.averages, none.averaged) == ({}, ())


def test_a_tiny_alpha_does_not_ask_for_flips_without_end():
    random = np.random.default_rng(2)
    base, x = random.random((2, 24))
    assert one_set([base], [x], alpha=1e-8).samples == MOST_FLIPS
    assert one_set([base], [x], alpha=1e-3).samples == 10_000
    assert one_set([base], [x], alpha=1e-8, samples=MOST_FLIPS + 1).samples == MOST_FLIPS + 1


def test_shift_is_relative_to_the_reference_in_per_cent():
    runs = {
        "x": {"a": [scored([0.5, 0.5])], "b": [scored([0.3, 0.3])], "zero": [scored([0.1, 0.1])]},
        "base": {"a": [scored([0.4, 0.4])], "b": [scored([0.4, 0.4])], "zero": [scored([0.0, 0.0])]},
    }
    comparison = compare_systems(runs, [rule("a"), rule("b"), rule("zero")], "base")
    assert comparison.shift["x"] == {"a": pytest.approx(25.0), "b": pytest.approx(-25.0)}
    assert comparison.systems == ("base", "x")


def test_measures_are_means_over_seeds():
    seeds = [scored([0.2, 0.4], AP=0.1, P=0.5), scored([0.2, 0.4], AP=0.3)]
    comparison = compare_systems({"base": {"a": seeds}}, [rule("a")], "base")
    assert comparison.measures["base"]["a"] == {MAIN: pytest.approx(0.3), "AP": pytest.approx(0.2)}


def test_diagnosis_is_averaged_over_seeds_and_facts_are_read(tmp_path):
    trees = [
        {"n": 3, "slices": {"1-3": {MAIN: 0.2}, "4+": {MAIN: 0.5}}, "odd": None},
        {"n": 3, "slices": {"1-3": {MAIN: 0.4}}, "odd": 1},
    ]
    seeds = []
    for place, tree in enumerate(trees):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "diagnosis.json").write_text(json.dumps(tree), encoding="utf-8")
        (folder / "queries.jsonl").write_text('{"query_id": "q000", "words": 2}\n', encoding="utf-8")
        seeds.append(scored([0.5], folder))
    comparison = compare_systems({"base": {"a": seeds}, "x": {"a": [scored([0.5])]}}, [rule("a")], "base")
    assert comparison.diagnosis["base"]["a"] == {"n": 3, "slices": {"1-3": {MAIN: pytest.approx(0.3)}}}
    assert comparison.diagnosis["x"]["a"] == {}
    assert comparison.queries == {"a": {"q000": {"words": 2}}}


def test_json_holds_no_query_and_no_nan():
    random = np.random.default_rng(0)
    told = one_set([random.random(5)], [random.random(5)] * 2).to_json()
    text = json.dumps(told, allow_nan=False)
    assert "q00" not in text
    assert json.loads(text)["cells"]["s1"]["a"]["difference"]["queries"] == 5
    unmeasured = compare_systems({"base": {"a": [scored([0.5], AP=math.nan)]}}, [rule("a")], "base").to_json()
    assert unmeasured["measures"]["base"]["a"] == {MAIN: 0.5, "AP": None}


def test_order_of_queries_in_a_file_changes_nothing():
    base, x = scored([0.1, 0.5, 0.2, 0.9]), scored([0.4, 0.3, 0.8, 0.7])
    turned = Scored("model", x.path, x.measures, dict(reversed(x.per_query.items())), {})
    whole = [compare_systems({"base": {"a": [base]}, "x": {"a": [run]}}, [rule("a")], "base") for run in (x, turned)]
    assert whole[0] == whole[1]


A = {"base": {"a": [scored([0.1, 0.2])]}}


@pytest.mark.parametrize(
    ("runs", "settings", "message"),
    [
        (A, {"alpha": 0.0}, "alpha is 0.0"),
        (A, {"alpha": 1}, "alpha is 1"),
        (A, {"alpha": math.nan}, "alpha is nan"),
        (A, {"samples": 0}, "samples is 0"),
        (A, {"sets": []}, "at least one"),
        (A, {"sets": [rule("a"), rule("a")]}, "different names"),
        (A, {"sets": [rule("a"), rule("b")]}, "no system was scored on 'b'"),
        (A, {"reference": "other"}, "'other' is none of the systems: base"),
        (A | {"x": {"b": [scored([1])]}}, {}, "x was scored on 'b', which is none of a"),
        (A | {"x": {"a": []}}, {}, "x was scored on no set"),
        (A | {"x": {"a": [Scored("m", Path("p"), {}, {}, {})]}}, {}, "holds no query"),
        (A | {"x": {"a": [scored([1, 1, 1])]}}, {}, "a: base and x were not .* 1 only in x, e.g. 'q002'"),
        (A | {"x": {"a": [scored([1, 1]), scored([1])]}}, {}, "x on a: seed 0 .* 1 only in seed 0 .*'q001'"),
        (A | {"x": {"a": [scored([0.1, math.nan])]}}, {}, "x on a, query 'q001': nDCG@10 is nan"),
        (A, {"sets": [rule("a", main="AP")]}, "AP is missing; it has nDCG@10"),
        (A, {"sets": [rule("a", main="Unjudged@10")]}, "Unjudged@10 cannot be: less of it is better"),
        (A, {"sets": [rule("a", main="NumRet")]}, "NumRet cannot be: it is no mean"),
        (A | {"x": {"a": [Scored("m", Path("p"), {MAIN: 3.0}, scored([1, 2]).per_query, {})]}}, {}, "is a mean"),
    ],
)
def test_what_cannot_be_compared_is_named(runs, settings, message):
    sets, reference = settings.pop("sets", [rule("a")]), settings.pop("reference", "base")
    with pytest.raises(WrankError, match=message):
        compare_systems(runs, sets, reference, **settings)
