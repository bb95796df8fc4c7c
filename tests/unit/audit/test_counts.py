from wrank.audit.counts import count_words, counts, spread
from wrank.audit.data import AuditInput, Graded, Row


def test_levels_lengths_and_what_is_missing():
    rows = [
        Row("q1", "a", "one two three", 2.0, {"sentences": 3}),
        Row("q1", "b", "one", 0.0, {"sentences": 1}),
        Row("q2", "c", "", 0.0),
        Row("q3", "d", "one two", 2.0),
        Row("q3", "e", "one two", 1.0),
        Row("q3", "f", "one two three four", 0.0),
    ]
    data = Graded(AuditInput("x", {"q1": "a", "q2": "b", "q3": "c", "unused": "d"}, rows), 10)
    told = counts(data, count_words(data.texts))
    assert (told["queries"], told["judgements"], told["passages"]) == (3, 6, 6)
    assert [level["judgements"] for level in told["levels"]] == [3, 1, 2]
    assert [level["queries"] for level in told["levels"]] == [3, 1, 2]
    assert told["levels"][2]["words"]["mean"] == 2.5
    assert told["incomplete"] == 2
    assert told["without_positive_examples"] == ["q2"]
    assert told["empty_passages"] == 1
    assert told["levels_a_query"] == {"1": 1, "2": 1, "3": 1}
    assert told["attributes"] == [{"name": "sentences", "mean": [1.0, None, 3.0]}]


def test_a_spread_of_nothing_is_nothing():
    import numpy as np

    assert spread(np.array([]))["quantiles"] is None
    assert spread(np.arange(101.0))["quantiles"]["p25"] == 25
