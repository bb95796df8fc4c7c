"""Weights that go by how often a query was asked."""

import dataclasses

import numpy as np
import pytest

from tests.fixtures.pairs import pairs_of
from wrank.data.step.frequency_weight import FrequencyWeight
from wrank.data.table import TextTable
from wrank.errors import WrankError


@pytest.fixture
def pairs(tmp_path):
    queries = TextTable.build([(f"q{n}", "x") for n in range(3)], tmp_path / "queries")
    (tmp_path / "asked.tsv").write_text("q0\t90\nq2\t10\n")
    given = pairs_of([1, 0], [1], [2, 1], weights=np.full(5, np.nan))
    return dataclasses.replace(given, queries=queries), str(tmp_path / "asked.tsv")


def test_the_two_shapes_by_hand(pairs):
    """90 / 100, 0, 10 / 20; what it would be against that is the rest of 1."""
    given, asked = pairs
    rising, falling = (FrequencyWeight(asked, 10, shape)(given).weights for shape in ("rising", "falling"))
    assert rising.tolist() == [0.9, 0.9, 0.01, 0.5, 0.5]  # a weight of 0 is none: least holds
    assert falling.tolist() == [0.1, 0.1, 1.0, 0.5, 0.5]
    assert np.isnan(given.weights).all()


def test_queries_that_were_never_asked_are_counted_and_the_step_may_follow_a_draw(pairs):
    given, asked = pairs
    step = FrequencyWeight(asked, 10, "rising", least=0.2)
    assert step(given).weights[2] == 0.2
    assert step.counts == {"queries_without_frequency": 1}
    assert FrequencyWeight.pairwise


def test_the_key_follows_settings_and_content(pairs, tmp_path):
    _, asked = pairs
    (tmp_path / "same.tsv").write_text("q0\t90\nq2\t10\n")
    first = FrequencyWeight(asked, 10, "rising").identity()
    assert FrequencyWeight(str(tmp_path / "same.tsv"), 10, "rising").identity() == first
    for other in (("zipf", 10, "rising"), (asked, 11, "rising"), (asked, 10, "falling"), (asked, 10, "rising", 0.1)):
        assert FrequencyWeight(*other).identity() != first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"half": 0}, "half is 0; wanted a frequency above 0"),
        ({"half": "10"}, "half is '10'"),
        ({"least": 0}, "least is 0; wanted a weight above 0"),
        ({"least": 2}, "least is 2"),
        ({"shape": "flat"}, "shape is 'flat'; wanted one of rising, falling"),
        ({"frequencies": None}, "FrequencyWeight frequencies is None"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        FrequencyWeight(**({"frequencies": "zipf", "half": 10, "shape": "rising"} | settings))
