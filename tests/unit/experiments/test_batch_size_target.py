"""The target table says what the loss really aims at."""

import csv
import math
from pathlib import Path

import pytest

from experiments.batch_size import target as study


@pytest.mark.parametrize(("passages", "temperature"), [(16, 1.0), (64, 0.5), (256, 1.0), (1024, 2.0)])
def test_shares_are_those_of_a_softmax_over_all_passages(passages, temperature):
    weights = [math.exp(grade / temperature) for grade in (3, 2, 1, 0)]
    whole = sum(weights) + passages - 4
    found = study.target(passages, temperature)
    assert found == pytest.approx((sum(weights) / whole, weights[0] / whole, 1 / whole))


def test_mending_temperature_keeps_the_own_share():
    wanted = study.target(16, 1.0).own
    for passages in (64, 256):
        assert study.target(passages, study.mending_temperature(passages, wanted)).own == pytest.approx(
            wanted, abs=1e-4
        )


def test_the_table_is_what_the_code_makes():
    path = Path(study.__file__).with_name("target.csv")
    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == study.rows()
