import pytest

from wrank.audit.data import Graded
from wrank.audit.settings import AuditSettings
from wrank.audit.surface import FAMILIES, leaks, read_surface

SETTINGS = AuditSettings(bootstrap=200)


def pairs(made):
    data = Graded(made.input(), 100)
    return leaks(data, read_surface(data), SETTINGS)[0]


def test_clean_data_shows_nothing(make):
    values, held = [], []
    for seed in range(4):
        told = [pair["families"][family]["auc"] for pair in pairs(make(seed=seed)) for family in FAMILIES]
        assert all(one["low"] < 0.52 for one in told), (seed, told)
        values += [one["value"] for one in told]
        held += [one["low"] <= 0.5 <= one["high"] for one in told]
    assert sum(values) / len(values) == pytest.approx(0.5, abs=0.03)
    assert sum(held) / len(held) >= 0.85


def test_a_word_that_marks_a_level_is_found_beside_its_neighbours_only(make):
    found = pairs(make().change(lambda row: f"{row.text} Zorblax.", lambda row: row.grade == 2))
    assert [pair["families"]["words"]["auc"]["low"] > 0.9 for pair in found] == [False, True, True]
    assert all(pair["families"]["length"]["auc"]["low"] < 0.6 for pair in found)


def test_a_word_of_the_query_is_overlap_and_no_leak(make):
    made = make()
    made.change(lambda row: f"{row.text} {made.queries[row.query_id]}", lambda row: row.grade == 3)
    pair = pairs(made)[-1]["families"]
    assert pair["overlap"]["auc"]["value"] > 0.99
    assert pair["words"]["auc"]["low"] < 0.6


def test_length_is_found_whichever_level_is_longer(make):
    made = make()
    found = pairs(made.change(lambda row: made.text(20), lambda row: row.grade == 1))
    assert found[0]["families"]["length"]["auc"]["value"] == 0
    assert found[1]["families"]["length"]["auc"]["value"] == 1
    assert found[2]["families"]["length"]["auc"]["high"] < 0.7
    assert (found[0]["low_words"], found[0]["high_words"]) == (pytest.approx(50, abs=3), pytest.approx(20))


def test_length_within_its_list_is_found_under_lengths_that_vary_by_query(make):
    made = make(queries=80)
    base = {id: made.random.randint(20, 200) for id in made.queries}
    made.change(lambda row: made.text(base[row.query_id] + 8 * (row.grade == 3)))
    families = pairs(made)[-1]["families"]
    assert families["length"]["auc"]["value"] < 0.65
    assert families["list_length"]["auc"]["value"] > 0.99


def test_style_is_found_without_a_word(make):
    found = pairs(make().change(lambda row: row.text.replace(" ", ", ", 6), lambda row: row.grade == 0))
    assert found[0]["families"]["style"]["auc"]["low"] > 0.9
    assert found[0]["families"]["words"]["auc"]["low"] < 0.6


def test_few_queries_say_so(make):
    pair = pairs(make(queries=5))[0]
    assert pair["too_few"]
    assert not any(pair["families"].values())
