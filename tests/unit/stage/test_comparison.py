"""What a comparison leaves for machines, and which system it goes by."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.stage.comparison import outcome, reference_of, rules_of, to_csv

RULE = SetRule("a", "nDCG@10", "a", False, averaged=False)


def scored(*values):
    per_query = {f"q{place}": {"nDCG@10": value} for place, value in enumerate(values)}
    return Scored("m", Path("store/m"), {"nDCG@10": sum(values) / len(values), "AP": 0.25}, per_query, {})


def test_the_table_for_machines_holds_all_that_is_known():
    seeds = [scored(0.1, 0.3, 0.2, 0.7, 0.5, 0.5), scored(0.2, 0.3, 0.2, 0.7, 0.5, 0.5)]
    found = compare_systems({"x": {"a": seeds}, "base": {"a": [scored(0.2, 0.2, 0.1, 0.5, 0.5, 0.6)]}}, [RULE], "base")
    rows = {(row["system"], row["measure"]): row for row in csv.DictReader(io.StringIO(to_csv(found)))}
    main, other, base = rows["x", "nDCG@10"], rows["x", "AP"], rows["base", "nDCG@10"]
    cell = found.cells["x"]["a"]
    assert [float(main[name]) for name in ("value", "low", "high", "std")] == pytest.approx(
        [cell.mean, cell.low, cell.high, cell.std]
    )
    told = [float(main[f"difference{end}"]) for end in ("", "_low", "_high")]
    assert told == [cell.difference.mean, cell.difference.low, cell.difference.high]
    assert [main[name] for name in ("better", "worse", "equal", "queries", "seeds")] == ["3", "2", "1", "6", "2"]
    assert (main["reference"], main["mark"], float(main["p_holm"])) == ("base", cell.mark, cell.p_holm)
    assert [other[name] for name in ("value", "seeds", "queries", "reference", "low", "mark")] == [
        "0.25", "2", "6", "base", "", "",
    ]  # fmt: skip
    assert (base["difference"], base["better"], base["seeds"]) == ("", "", "1")


def context(reference):
    return SimpleNamespace(cfg=SimpleNamespace(reference=reference))


def test_a_reference_of_another_job_is_left_to_the_sweep():
    assert reference_of(context(None), ["base", "x"], "base") == "base"
    assert reference_of(context("x"), ["base", "x"], "base", several=True) == "x"
    assert reference_of(context("y"), ["base", "x"], "base", several=True) == "base"
    with pytest.raises(WrankError, match="reference=y: no such system in the table; wanted one of base, x"):
        reference_of(context("y"), ["base", "x"], "base")


def test_a_result_tells_what_makes_jobs_comparable():
    settings = SimpleNamespace(alpha=0.01)
    test = SimpleNamespace(name="a", rule=RULE, settings=settings, collection=SimpleNamespace(fingerprint="f"))
    told = outcome({"x": {"a": scored(0.5)}}, [test], "x", "y")
    assert told["evaluations"] == {"x": {"a": "store/m"}}
    assert (told["reference"], told["asked"], told["alpha"], told["collections"]) == ("x", "y", 0.01, {"a": "f"})
    assert rules_of(told) == [RULE]
