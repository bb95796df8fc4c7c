"""Verdicts say what was found, no more and no less."""

import pytest

from wrank.evaluation.compare import Difference
from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.tracking.comparison_verdict import p_words, verdicts


def cell(mean, mark=None):
    difference = None if mark is None else Difference(0.05, 0.01, 0.09, 3, 1, 0, 4)
    p = None if mark is None else 0.01
    return Cell(mean, mean, mean, None, 1, 4, difference, p, p, p, None, mark or "", False)


def verdict(marks, *, averages=True, lacking=0, measures=("nDCG@10",), averaged=True):
    rules = [
        SetRule(f"s{place}", measures[place % len(measures)], f"s{place}", False, averaged)
        for place in range(len(marks))
    ]
    rules += [SetRule(f"gone{place}", "nDCG@10", "gone", False) for place in range(lacking)]
    names = [rule.name for rule in rules]
    comparison = Comparison(
        sets=tuple(rules),
        systems=("base", "own"),
        reference="base",
        cells={
            "base": {name: cell(0.4) for name in names},
            "own": {name: cell(0.45, mark) for name, mark in zip(names, marks, strict=False)},
        },
        measures={},
        per_query={},
        averages={"base": 0.4, "own": 0.45} if averages else {},
        shift={},
        alpha=0.05,
        diagnosis={},
        queries={},
        averaged=tuple(names[: len(marks)]) if averages else (),
    )
    return verdicts(comparison)[1]


@pytest.mark.parametrize(
    ("marks", "chip", "words"),
    [
        ("+++", "Better", "Better than base on all 3 sets."),
        ("---", "Worse", "Worse than base on all 3 sets."),
        ("+ +", "Better", "Better than base on 2 of 3 sets (s0 and s2); no proof of a difference on the other one."),
        ("-  ", "Worse", "Worse than base on 1 of 3 sets (s0); no proof of a difference on the other 2."),
        ("+-", "Mixed", "Better than base on 1 of 2 sets (s0) and worse on 1 of 2 sets (s1)."),
        ("   ", "No proof", "No proof of a difference to base on any of 3 sets."),
        ("+++++++ ", "Better", "Better than base on 7 of 8 sets (s0, s1, s2, s3, s4 and 2 more); no"),
    ],
)
def test_marks_decide(marks, chip, words):
    found = verdict([mark.strip() for mark in marks])
    assert found.chip == chip
    assert found.text.startswith(words)
    assert found.text.endswith(f" +0.0500 nDCG@10 on average over {len(marks)} sets (0.4500 against 0.4000).")


def test_one_set_has_its_interval_and_p():
    assert verdict(["+"]).text == (
        "Better than base on s0. +0.0500 nDCG@10 (95% interval +0.0100 to +0.0900, p = 0.0100)."
    )
    assert verdict([""]).text.startswith("No proof of a difference to base on s0. +0.0500")


def test_why_there_is_no_average():
    assert (
        "No average: the sets have different main measures."
        in verdict(["+", ""], averages=False, measures=("a", "b")).text
    )
    assert "No average: no set was scored for all systems." in verdict(["+", ""], averages=False).text


def test_what_was_not_scored_is_told():
    assert verdict(["+", ""], lacking=2).text.endswith("Not scored on 2 sets.")
    assert verdict([], lacking=1, averages=False).text.startswith("Scored on no set that base was scored on")


def test_p_values():
    assert (p_words(None), p_words(0.00001), p_words(0.04)) == ("–", "<0.0001", "0.0400")


def test_sets_without_a_published_average_say_so():
    text = verdict(["+", ""], averages=False, averaged=False).text
    assert "No average: none is known for these sets." in text
