"""The tables say what was measured."""

from pathlib import Path

import pytest

from wrank.evaluation.scored import Scored
from wrank.tracking.table import print_comparison, print_evaluation, print_sweep, seeds_difference


def scored(name, values, **counts):
    per_query = {f"q{place}": {"nDCG@10": value} for place, value in enumerate(values)}
    return Scored(name, Path("store") / name, {"nDCG@10": sum(values) / len(values)}, per_query, {"counts": counts})


def test_difference_over_seeds_averages_each_query_first():
    base = scored("base", [0.1, 0.5])
    difference = seeds_difference(base, [scored("a", [0.3, 0.5]), scored("b", [0.5, 0.3])])
    assert difference.mean == pytest.approx(0.1)
    assert (difference.better, difference.worse, difference.equal) == (1, 1, 0)


def test_evaluation_shows_measures_counts_and_ends_with_the_folder(capsys):
    print_evaluation(scored("tiny", [0.25, 0.75], queries_judged=2, passages=10, excluded=3), "sample/test")
    shown = capsys.readouterr().out
    assert "0.5000" in shown
    assert "3 excluded pairs" in shown
    assert shown.strip().split("\n")[-1] == "store/tiny"


def test_comparison_shows_the_difference_with_its_sign(capsys):
    print_comparison(scored("base", [0.5, 0.5]), [scored("ws2", [0.25, 0.5])], "sample/test")
    shown = capsys.readouterr().out
    assert "-0.1250" in shown
    assert "0 / 1 / 1" in shown


def job(name, *overrides):
    facts = {"collection": "s/test", "base": "b", "base_name": "tiny", "choices": {"model": "tiny", "loss": "ws2"}}
    return facts | {"overrides": ["loss=ws2", *overrides], "name": name}


def test_sweep_joins_jobs_that_differ_in_the_seed_alone(capsys):
    base = scored("base", [0.5, 0.5])
    rows = [(job(f"ws2-{seed}", f"seed={seed}"), scored(f"ws2-{seed}", [0.5 + seed / 10, 0.5])) for seed in (0, 1)]
    rows.append((job("hot", "loss.temperature=0.2", "seed=0"), scored("hot", [0.1, 0.1])))
    print_sweep({"b": base}, rows)
    shown = capsys.readouterr().out
    assert "0.5250 ± 0.0354" in shown
    assert "loss.temperature=0.2" in shown
    assert shown.count("tiny ws2") == 2


def test_jobs_of_two_experiments_are_two_rows(capsys):
    base = scored("base", [0.5, 0.5])
    rows = [(job(name, f"experiment={name}", "seed=0"), scored(name, [0.5, 0.5])) for name in ("one", "two")]
    print_sweep({"b": base}, rows)
    shown = capsys.readouterr().out
    assert "experiment=one" in shown
    assert "±" not in shown.replace("±:", "")
