"""The tables say what was measured."""

from pathlib import Path

from wrank.evaluation.scored import Scored
from wrank.tracking.table import print_counts


def scored(name, values, **counts):
    per_query = {f"q{place}": {"nDCG@10": value} for place, value in enumerate(values)}
    return Scored(name, Path("store") / name, {"nDCG@10": sum(values) / len(values)}, per_query, {"counts": counts})


def test_counts_that_are_not_0_are_shown_and_the_folder_is_last(capsys):
    print_counts(scored("tiny", [0.25, 0.75], queries_judged=2, passages=10, excluded=3, queries_missing=0), "s/test")
    shown = capsys.readouterr().out
    assert "3 excluded pairs" in shown
    assert "lacks" not in shown
    assert shown.strip().split("\n")[-1] == "store/tiny"


def test_what_an_index_misses_and_what_was_not_scored_is_told(capsys):
    result = {"index": {"name": "hnsw", "recall_queries": 7, "recall@10": 0.98}, "rerank": {"pairs": 50, "unscored": 2}}
    one = scored("tiny", [1.0], queries_judged=1, passages=10, queries_constant=1)
    one.result.update(result)
    print_counts(one, "sample/test")
    shown = capsys.readouterr().out
    assert "tiny on sample/test:" in shown
    assert "index hnsw against exact search on 7 queries: recall@10 0.9800" in shown
    assert "50 pairs reranked, 2 of them without a score" in shown
    assert "1 queries whose passages all have one score (scored 0: no credit)" in shown
