"""The table of feedback shows both orders and how sure their difference is."""

from wrank.evaluation.feedback.result import Cell, FeedbackResult
from wrank.tracking.feedback import print_feedback


def figures():
    queries = [f"q{place}" for place in range(4)]
    after = {query_id: {"RR@10": 0.75, "AP": 0.5} for query_id in queries}
    before = {query_id: {"RR@10": 0.25, "AP": 0.5} for query_id in queries}
    counts = {"queries_scored": 4, "queries_few_relevant": 3, "queries_few_nonrelevant": 0}
    return FeedbackResult({"method": {"name": "knn"}}, (Cell(2, 0, after, before),), {2: counts}).to_json()


def line(shown, measure):
    return next(one for one in shown.split("\n") if measure in one)


def test_the_interval_stands_beside_the_first_measure(capsys):
    print_feedback(figures(), "sample/test")
    shown = capsys.readouterr().out
    assert "feedback (knn) on sample/test" in shown
    assert [word in line(shown, "RR@10") for word in ("0.2500", "0.7500", "+0.5000", "[+0.5000, +0.5000]")] == [
        True
    ] * 4
    assert "[" not in line(shown, "AP")
    assert "k=2: 3 queries left out with fewer relevant passages than k" in shown
    assert "a paired bootstrap over queries" in " ".join(shown.split())


def test_figures_without_an_interval_are_shown_as_before(capsys):
    old = figures()
    del old["ks"]["2"]["difference"]
    print_feedback(old, "sample/test")
    assert "+0.5000" in line(capsys.readouterr().out, "RR@10")
