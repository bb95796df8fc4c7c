import pytest

from wrank.audit.data import Graded
from wrank.audit.giveaway import giveaways
from wrank.audit.settings import AuditSettings
from wrank.audit.surface import leaks, read_surface


def pairs(made):
    data = Graded(made.input(), 100)
    surface = read_surface(data)
    return giveaways(data, surface, leaks(data, surface, AuditSettings(bootstrap=100))[1], 2)


def test_clean_data_names_no_word(make):
    for seed in range(3):
        assert all(pair["words"] == [] for pair in pairs(make(seed=seed)))


def test_the_planted_word_is_named_with_its_shares_and_passages(make):
    made = make().change(
        lambda row: f"{row.text} Zorblax.", lambda row: row.grade == 2 and int(row.query_id[1:]) % 4 > 0
    )
    found = pairs(made)
    assert found[0]["words"] == []
    for pair, (low, high) in ((found[1], (0, 0.75)), (found[2], (0.75, 0))):
        word = pair["words"][0]
        assert word["name"] == "zorblax"
        assert (word["low_share"], word["high_share"]) == (pytest.approx(low), pytest.approx(high))
        assert (word["weight"] > 0) == (high > low)
        assert word["queries"] == 45
        assert len(word["examples"]) == 3
        assert len({passage["query_id"] for passage in word["examples"]}) == 3
        assert all("Zorblax" in passage["text"] and passage["grade"] == 2 for passage in word["examples"])


def test_a_first_word_is_told_apart_from_the_word_elsewhere(make):
    made = make()
    made.change(lambda row: f"Indeed {row.text}", lambda row: row.grade == 1)
    made.change(lambda row: f"{row.text} indeed", lambda row: row.grade == 0)
    assert next(word["name"] for word in pairs(made)[0]["words"]) == "^ indeed"


def test_a_word_of_the_query_is_not_blamed(make):
    made = make()
    made.change(lambda row: f"{row.text} {made.queries[row.query_id]}", lambda row: row.grade == 3)
    assert pairs(made)[-1]["words"] == []


def test_habits_of_style_are_named(make):
    found = pairs(make().change(lambda row: row.text.replace(" ", "; ", 5), lambda row: row.grade == 3))
    assert found[-1]["style"][0]["name"] == "semicolons"
    assert found[-1]["style"][0]["low_mean"] == 0


def test_few_queries_name_nothing(make):
    assert all(not pair["words"] for pair in pairs(make(queries=4).change(lambda row: "mark " * int(row.grade + 1))))
