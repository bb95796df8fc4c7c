"""Geometry of the plots: in their box, in order, bounded."""

import re

import pytest

from wrank.tracking.comparison_plot import Scale, clip, listed, rank_queries, signed, sorted_bars


def ranked(*differences):
    own = {f"q{place:03d}": value for place, value in enumerate(differences)}
    return rank_queries(dict.fromkeys(own, 0.0), own, lambda query_id: f"text of {query_id}")


def test_queries_are_ranked_by_their_difference_then_by_id():
    assert [one.query_id for one in ranked(-0.5, 0.25, 0.0, 0.25)] == ["q001", "q003", "q002", "q000"]


def test_rounding_is_no_difference():
    assert [one.difference for one in ranked(1e-12, -1e-12)] == [0.0, 0.0]


def test_lists_hold_the_greatest_changes_and_none_that_did_not_change():
    improved, harmed = listed(ranked(0.1, 0.3, 0.0, -0.2, -0.4, 0.2), 2)
    assert [one.query_id for one in improved] == ["q001", "q005"]
    assert [one.query_id for one in harmed] == ["q004", "q003"]
    assert listed(ranked(0.0, 0.0), 2) == ([], [])
    assert [len(part) for part in listed(ranked(0.5, -0.5), 10)] == [1, 1]


def test_each_query_has_its_bar():
    bars = sorted_bars(ranked(1.0, -0.5, 0.0, 0.5), 1.0, columns=500, strips=4)
    assert bars.better == "M0 100V0h212.5V100zM250 100V50h212.5V100z"
    assert bars.worse == "M750 100V150h212.5V100z"
    assert bars.binned == 1
    assert [strip.path for strip in bars.strips][1] == "M250 0h250v200h-250z"
    assert bars.strips[0].title == "\u2068text of q000\u2069\n0.0000 → 1.0000 (+1.0000)"
    assert len(bars.strips) == 4


def test_many_queries_share_bars_of_their_mean():
    bars = sorted_bars(ranked(*(place / 1000 for place in range(1000))), 1.0, columns=10, strips=5)
    tops = [float(value) for value in re.findall(r"V([\d.]+)h", bars.better)]
    assert tops == pytest.approx([100 - (950 - 100 * place - 0.5) / 10 for place in range(10)], abs=0.06)
    assert bars.worse == ""
    assert bars.binned == 100
    assert len(bars.strips) == 5
    assert bars.strips[1].title.startswith("queries 201 to 400: +0.7990 to +0.6000\n")


def test_no_strips_when_none_are_wanted():
    assert sorted_bars(ranked(0.5), 1.0, columns=10, strips=0).strips == ()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (-0.05, 0.05, [-0.05, -0.025, 0, 0.025, 0.05]), (-9, 12, [-5, 0, 5, 10])],
)
def test_ticks_are_round(low, high, ticks):
    assert Scale(low, high).ticks() == pytest.approx(ticks)


@pytest.mark.parametrize(("low", "high"), [(5, 5), (1e-9, 2e-9), (0, 1e9), (-3, -1), (0.4469, 0.4471)])
def test_any_scale_has_ticks_within_it(low, high):
    scale = Scale(low, high)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 8
    assert all(scale.low <= tick + 1e-9 and tick <= scale.high + 1e-9 for tick in ticks)


def test_a_scale_holds_its_values_and_zero_if_asked():
    scale = Scale.around([0.4, 0.5])
    assert 0 < scale.low < 0.4 < 0.5 < scale.high
    assert Scale.around([0.0, 0.5]).low == 0
    assert Scale.around([0.1], zero=True).low < 0
    assert Scale.around([0.5]).at(0.5) == "50.00%"
    assert scale.at(-1) == "0.00%"
    assert Scale(-1, 1).span(0, -0.5) == Scale(-1, 1).span(0, 0.5) == "25.00%"


def test_numbers_and_texts():
    assert (signed(0.12345), signed(-0.5, 1), signed(0.00001), signed(-0.00001)) == (
        "+0.1235",
        "−0.5",
        "0.0000",
        "0.0000",
    )
    assert clip("a\n b", 10) == "a b"
    assert clip("abc def", 4) == "abc…"
