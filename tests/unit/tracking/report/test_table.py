"""Intervals computed by hand, cells that are dashes, and files that other programs read."""

import csv
import io
import math

import pytest

from tests.unit.tracking.report.made import a_study
from wrank.errors import WrankError
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.gather import gather
from wrank.tracking.report.headline import headline
from wrank.tracking.report.table import COLUMNS, seed_interval, seeds_of, table, to_csv, to_markdown


@pytest.fixture
def gathered(study):
    study.training("listnet", 0)
    return gather(study.library, Filter())


def test_the_interval_over_seeds_is_students():
    # mean 0.4, s = 0.1, t(0.975, 2) = 4.302653: 0.4 -+ 4.302653 * 0.1 / sqrt(3)
    low, high = seed_interval([0.3, 0.4, 0.5])
    assert (low, high) == pytest.approx((0.4 - 0.248414, 0.4 + 0.248414), abs=1e-6)
    # two seeds: t(0.975, 1) = 12.7062, s = 0.1 / sqrt(2), half = 12.7062 * 0.05
    assert seed_interval([0.4, 0.5])[1] == pytest.approx(0.45 + 12.7062 * 0.05, abs=1e-5)
    assert seed_interval([0.4, 0.5], level=0.9)[1] == pytest.approx(0.45 + 6.31375 * 0.05, abs=1e-5)


def test_one_seed_has_no_interval_and_equal_seeds_a_point():
    assert seed_interval([0.4]) is None
    assert seed_interval([0.4, 0.4, 0.4]) == pytest.approx((0.4, 0.4))


@pytest.mark.parametrize(("values", "level"), [([], 0.95), ([0.1, 0.2], 1.0), ([0.1, 0.2], 0.0)])
def test_an_interval_of_nothing_is_refused(values, level):
    with pytest.raises(WrankError, match="interval over seeds"):
        seed_interval(values, level)


def test_lines(gathered):
    lines = {line.row.name: line for line in table(gathered)}
    assert list(lines) == ["base", "m-kl", "m-ws2", "m-listnet"]
    kl = lines["m-kl"].cells["news/test"]
    # base: 0.2 .. 0.42 in steps of 0.02, mean 0.31; kl: 0.2 better, seeds 0.01 apart; s = 0.01
    assert kl.seeds == pytest.approx((0.50, 0.51, 0.52))
    assert kl.interval == pytest.approx((0.51 - 0.0248414, 0.51 + 0.0248414), abs=1e-6)
    assert [seeds_of(line) for line in lines.values()] == ["–", "3", "3", "0"]
    assert lines["m-listnet"].cells == {}


def test_markdown(gathered):
    text = to_markdown(gathered, headline(gathered.comparison), "a|b_c")
    assert text.startswith("# a\\|b\\_c\n")
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows[:6]}) == 1
    assert "| m-kl | 3 | **0.5100** ▲<br>S [0.4852, 0.5348]<br>Q [" in text
    assert "| m-listnet | 0 | – |" in text
    assert "- m-listnet was not evaluated on any set" in text


def test_csv(gathered):
    rows = list(csv.DictReader(io.StringIO(to_csv(gathered))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["system"] for row in rows] == ["base", "m-kl", "m-ws2", "m-listnet"]
    kl = rows[1]
    assert float(kl["mean"]) == pytest.approx(0.51)
    assert float(kl["difference"]) == pytest.approx(0.2)
    assert float(kl["seeds_low"]) == pytest.approx(0.51 - 0.0248414, abs=1e-6)
    assert (kl["mark"], kl["best"], kl["seeds"], kl["queries"]) == ("+", "1", "3", "12")
    assert math.isclose(float(kl["shift_percent"]), 100 * 0.2 / 0.31, rel_tol=1e-6)
    assert len(kl["evaluations"].split()) == 3
    assert rows[3]["mean"] == ""


def test_the_headline_says_what_the_marks_say(gathered, tmp_path):
    said = headline(gathered.comparison)
    assert said.startswith("m-kl beats base. Highest: m-kl, 0.5100 nDCG@10 on news/test, +0.2000 to base (95% interval")
    alone = gather(a_study(tmp_path / "b", losses=("ws2",)).library, Filter(loss=["ws2"])).comparison
    assert headline(alone).startswith("No system is shown to differ from base: every difference could be chance.")
    turned = gather(gathered.library, Filter(loss=["ws2"]), reference="m-kl").comparison
    assert headline(turned) == (
        "No system is shown to be better than m-kl. m-ws2 is worse than m-kl. "
        "m-kl itself has the highest mean, 0.5100 nDCG@10 on news/test."
    )
    base = gather(gathered.library, Filter(kind="untrained")).comparison
    assert headline(base) == "base alone was evaluated: there is nothing to compare it with."
