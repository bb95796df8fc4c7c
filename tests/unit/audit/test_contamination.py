import pytest

from wrank.audit.contamination import contamination
from wrank.audit.data import Graded


def told(made, queries=(), passages=()):
    return contamination(Graded(made.input(evaluation={"set": (queries, iter(passages))}), 100), 0.7, 5)


def passage(made, number):
    return made.rows[number].passage_id, made.rows[number].text


def test_nothing_to_hold_it_against(make):
    assert contamination(Graded(make().input(), 10), 0.7, 5) is None


def test_clean_data_matches_nothing(make):
    other = make(seed=9)
    found = told(make(), other.queries.items(), [(row.passage_id + "x", row.text) for row in other.rows])
    assert found["queries"]["matched"] == found["passages"]["matched"] == 0
    assert found["against"] == {"set": {"queries": 60, "passages": 240}}


def test_queries_are_found_exact_and_near(make):
    made = make()
    changed = "Extra " + made.queries["q002"]
    found = told(made, [("e1", made.queries["q001"].upper() + "!"), ("e2", changed)])["queries"]
    assert found["how"] == {"exact": 1, "near": 1}
    assert found["share"] == 2 / 60
    assert {(one["id"], one["evaluation_id"]) for one in found["worst"]} == {("q001", "e1"), ("q002", "e2")}


def test_passages_are_found_exact_near_and_contained(make):
    made = make()
    exact, near, whole = (passage(made, n)[1] for n in (0, 1, 2))
    filler = make(seed=5).text(100)
    evaluation = [("a", exact.lower()), ("b", "Almost " + near), ("c", f"{filler} {whole} {filler}")]
    found = told(made, passages=evaluation)["passages"]
    assert found["how"] == {"contained": 1, "exact": 1, "near": 1}
    assert {one["id"]: one["evaluation_id"] for one in found["worst"]} == {
        passage(made, n)[0]: id for n, id in enumerate("abc")
    }


def test_a_part_of_an_evaluation_passage_in_a_longer_text_is_found(make):
    made = make()
    part = make(seed=5).text(20)
    made.change(lambda row: f"{row.text} {part}", lambda row: row.passage_id == "q003-L2")
    found = told(made, passages=[("e", part)])["passages"]
    assert [one["id"] for one in found["worst"]] == ["q003-L2"]


def test_a_stock_phrase_is_no_contamination(make):
    phrase = "it is important to note that there are many"
    made = make().change(lambda row: f"{phrase} {row.text}")
    assert told(made, passages=[("e", f"{phrase} {make(seed=8).text(60)}")])["passages"]["matched"] == 0


def test_an_evaluation_query_whole_in_a_passage_is_found_and_a_short_one_is_not(make):
    made = make()
    made.change(lambda row: f"{row.text} Why is the sky so blue?", lambda row: row.passage_id == "q000-L3")
    made.change(lambda row: f"{row.text} Sky blue.", lambda row: row.passage_id == "q001-L3")
    found = told(made, [("e1", "why is the sky so blue"), ("e2", "sky blue")])["passages"]
    assert [(one["id"], one["how"]) for one in found["worst"]] == [("q000-L3", "holds the query")]


def test_a_corpus_that_both_share_is_counted_apart(make):
    made = make()
    found = told(made, passages=[passage(made, n) for n in range(10)])["passages"]
    assert (found["matched"], found["same_passages"]) == (0, 10)


@pytest.mark.parametrize("text", ["", "...", "漢字"])
def test_empty_and_tiny_texts_match_nothing_by_chance(make, text):
    assert told(make(), [("e", text)], [("e", text)])["passages"]["matched"] == 0
