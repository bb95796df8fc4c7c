import pytest

from wrank.audit.finding import ORDER, listed, percent, plural
from wrank.audit.report import audit
from wrank.audit.settings import AuditSettings

SETTINGS = AuditSettings(bootstrap=200)


def run(made, **more):
    return audit(made.input(**more), SETTINGS)


def found(report):
    return {finding["code"]: finding for finding in report.findings}


def agree(made):
    grades = {row.text: row.grade for row in made.rows}
    return {"similarity": lambda queries, passages: [grades[text] for text in passages], "similarity_name": "oracle"}


def test_clean_data_is_called_clean(make):
    made = make(queries=120)
    report = run(made, evaluation={"set": ([("e", "nothing alike")], [])}, **agree(made))
    assert report.figures["verdict"] == {"level": "good", "headline": "Nothing wrong was found.", "size": ""}
    assert {code for code, one in found(report).items() if one["severity"] == "good"} == {
        "surface",
        "duplicates",
        "contamination",
        "judge",
    }


def test_length_is_told_with_the_key_that_sets_it(make):
    made = make()
    made.change(lambda row: made.text(90), lambda row: row.grade == 3)
    report = run(made, length_key="generator.some.key")
    length = found(report)["length"]
    assert length["severity"] == "problem"
    assert "level 3 from 2: AUC 1.00" in length["text"]
    assert "90 words against" in length["text"]
    assert "`generator.some.key`" in length["advice"]
    assert report.headline.startswith("Not fit to train on as it is: ")
    assert "60 queries" in report.headline


def test_words_are_named(make):
    report = run(make().change(lambda row: f"However {row.text}", lambda row: row.grade == 1))
    assert "“however (at the beginning)”" in found(report)["words"]["text"]


def test_nothing_is_claimed_of_too_little_data(make):
    report = run(make(queries=4))
    assert report.figures["verdict"]["headline"] == "Too little data to say."
    assert {"few_queries", "surface_unknown"} <= set(found(report))


def test_a_judge_that_sees_nothing_doubts_the_grades(make):
    made = make(queries=120)
    report = run(made, similarity=lambda queries, passages: [made.random.random() for _ in queries])
    assert found(report)["judge"]["severity"] == "problem"
    assert "blurred" in found(report)


def test_contamination_copies_refusals_and_gaps_are_told(make):
    made = make()
    first = {row.query_id: row.text for row in made.rows if row.grade == 3}
    made.change(lambda row: first[row.query_id], lambda row: row.grade == 2 and row.query_id < "q030")
    made.change(lambda row: "Sure! Here is a passage for you.", lambda row: row.query_id == "q050" and row.grade == 0)
    made.change(lambda row: "", lambda row: row.query_id == "q051" and row.grade == 0)
    made.rows = [row for row in made.rows if not (row.query_id > "q052" and row.grade > 0)]
    report = run(made, evaluation={"set": ([("e", made.queries["q001"])], [("e", made.rows[1].text + " more")])})
    codes = {"contaminated_queries", "contaminated_passages", "contradictory", "duplicates", "faults"}
    assert codes | {"incomplete", "without_positive", "empty"} <= set(found(report))
    order = [ORDER.index(finding["severity"]) for finding in report.findings]
    assert order == sorted(order)
    assert all(finding["title"] for finding in report.findings)


def test_attributes_that_differ_by_level_are_told(make):
    made = make()
    made.rows = [row._replace(attributes={"sentences": 3 + 4 * (row.grade == 3), "topic": "x"}) for row in made.rows]
    assert "`sentences`" in found(run(made))["attribute"]["text"]


def test_one_level_cannot_be_ranked(make):
    assert found(run(make(levels=1)))["one_level"]["severity"] == "problem"


@pytest.mark.parametrize(("share", "text"), [(0, "0%"), (0.004, "0.4%"), (0.5, "50%"), (0.00001, "<0.1%")])
def test_shares_in_words(share, text):
    assert percent(share) == text


def test_counts_in_words():
    assert (plural(1, "query", "queries"), plural(1200, "passage")) == ("1 query", "1,200 passages")
    assert listed([1.0, 2.345]) == "1, 2.3"
