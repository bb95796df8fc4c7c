import pytest

from wrank.audit.data import AuditInput, Graded, Row
from wrank.errors import WrankError


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no graded passage"),
        ([("q9", "p", "text", 1.0)], "'q9'.*has no text"),
        ([("q1", "p", "text", float("nan"))], "grade is nan"),
        ([("q1", "p", "text", 1.0), ("q1", "p", "text", 2.0)], "graded twice"),
        ([("q1", "p", "text", 1.0), ("q2", "p", "another", 1.0)], "another text"),
        ([("q1", f"p{n}", "text", n / 20) for n in range(20)], "20 distinct grades"),
    ],
)
def test_data_that_cannot_be_right_is_refused(rows, message):
    with pytest.raises(WrankError, match=message):
        Graded(AuditInput("x", {"q1": "one", "q2": "two"}, rows), 10)


def test_a_passage_of_two_queries_is_one_passage():
    rows = [Row("q1", "p", "text", 1.0), Row("q2", "p", "text", 0.0)]
    data = Graded(AuditInput("x", {"q1": "one", "q2": "two"}, rows), 10)
    assert data.passages == ["p"]
    assert data.passage_of.tolist() == [0, 0]
    assert data.levels == [0.0, 1.0]


def test_the_sample_does_not_depend_on_the_order_of_rows(make):
    made = make(queries=30)
    first = Graded(made.input(), 10)
    made.rows.reverse()
    assert first.sample == Graded(made.input(), 10).sample
    assert len(first.sample) == 10
    assert {first.rows[row].query_id for row in first.sampled_rows} == set(first.sample)


def test_big_pools_are_thinned_evenly():
    rows = [Row(f"q{q}", f"p{q}-{n}", "text", float(n % 2)) for q in range(3) for n in range(4000)]
    data = Graded(AuditInput("x", {f"q{q}": "one" for q in range(3)}, rows), 10)
    levels = data.level_of[data.sampled_rows]
    assert len(levels) <= 4000
    assert (levels == 0).sum() == (levels == 1).sum() > 1500
