from wrank.audit.data import AuditInput, Graded, Row
from wrank.audit.duplicates import digest, duplicates, find_pairs


def told(made, threshold=0.7):
    return duplicates(Graded(made.input(), 100), threshold, 5)


def copied(text):
    """One word in about fifty changed."""
    words = text.split()
    return " ".join([*words[:20], "changed", *words[21:]])


def test_clean_data_has_no_duplicates(make):
    found = told(make())
    assert found["share"] == found["queries"]["share"] == 0
    assert found["worst"] == []


def test_near_copies_within_a_query_contradict_its_grades(make):
    made = make(queries=40)
    source = {row.query_id: row.text for row in made.rows if row.grade == 3}
    chosen = [f"q{n:03d}" for n in range(10)]
    made.change(lambda row: copied(source[row.query_id]), lambda row: row.grade == 1 and row.query_id in chosen)
    found = told(made)
    assert found["contradictory"] == 10
    assert [level["within_share"] for level in found["levels"]] == [0, 0.25, 0, 0.25]
    assert found["across_share"] == found["exact_share"] == 0
    worst = found["worst"][0]
    assert worst["contradictory"]
    assert worst["same_query"]
    assert {passage["grade"] for passage in worst["passages"]} == {1.0, 3.0}
    assert 0.7 <= worst["similarity"] < 1


def test_one_text_in_many_queries_is_found_across_queries(make):
    made = make(queries=40)
    made.change(lambda row: "I cannot help with that request today.", lambda row: row.grade == 0)
    found = told(made)
    assert found["share"] == found["across_share"] == found["exact_share"] == 0.25
    assert found["within_share"] == found["contradictory"] == 0
    assert found["worst"][0]["alike"] == 40
    assert len(found["worst"]) == 1


def test_a_passage_judged_for_two_queries_under_one_id_is_no_duplicate():
    rows = [Row("q1", "p", "some words that are here", 1.0), Row("q2", "p", "some words that are here", 0.0)]
    found = duplicates(Graded(AuditInput("x", {"q1": "one", "q2": "two"}, rows), 10), 0.7, 5)
    assert found["share"] == 0


def test_duplicate_queries_are_told_exact_and_near():
    queries = {"a": "how to bake good bread at home", "b": "How to bake good bread at home?", "c": "other things"}
    queries["d"] = "how to bake very good bread at home"
    rows = [Row(id, f"p{id}", f"text of {id} alone", 1.0) for id in queries]
    found = duplicates(Graded(AuditInput("x", queries, rows), 10), 0.7, 5)["queries"]
    assert found["share"] == 0.75
    assert found["exact"] == 1


def test_extra_pairs_are_compared_by_their_real_shingles():
    texts = ["a b c d e f", "a b c d e x", "nothing of the kind"]
    clusters, pairs = find_pairs(texts, [digest(text) for text in texts], 3, 0.6, extra=[(0, 1), (0, 2)])
    assert [(a, b) for _, a, b in pairs] == [(0, 1)]
    assert clusters.find(0) == clusters.find(1) != clusters.find(2)
