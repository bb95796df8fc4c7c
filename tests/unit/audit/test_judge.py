import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from wrank.audit.data import AuditInput, Graded, Row
from wrank.audit.judge import by_grades, by_similarity
from wrank.audit.settings import AuditSettings
from wrank.errors import WrankError

SETTINGS = AuditSettings(bootstrap=200, examples=3)


def similarity(made, score):
    grades = {row.text: row.grade for row in made.rows}
    return by_similarity(Graded(made.input(), 100), lambda q, p: [score(grades[text]) for text in p], "judge", SETTINGS)


def test_a_judge_that_agrees(make):
    told = similarity(make(), lambda grade: grade)
    assert told["accuracy"]["value"] == told["tau"]["value"] == told["ndcg"]["value"] == 1
    assert [pair["accuracy"]["value"] for pair in told["adjacent"]] == [1, 1, 1]


def test_a_judge_that_knows_nothing_is_at_a_half(make):
    made = make()
    told = similarity(made, lambda grade: made.random.random())
    assert told["accuracy"]["low"] < 0.5 < told["accuracy"]["high"]
    assert similarity(made, lambda grade: 1.0)["accuracy"]["value"] == 0.5


def test_the_pair_that_is_turned_is_the_pair_that_is_named(make):
    told = similarity(make(), lambda grade: {1.0: 2.0, 2.0: 1.0}.get(grade, grade))
    assert [pair["accuracy"]["value"] for pair in told["adjacent"]] == [1, 0, 1]
    assert told["accuracy"]["value"] == pytest.approx(5 / 6)
    assert told["tau"]["value"] == pytest.approx(4 / 6)


def test_values_by_hand_and_by_scikit_learn():
    rows = [Row("q", f"p{n}", f"text {n}", grade) for n, grade in enumerate((3.0, 2.0, 1.0, 0.0))]
    scores = np.array([0.5, 0.9, 0.1, 0.5])
    told = by_similarity(Graded(AuditInput("x", {"q": "a"}, rows), 5), lambda q, p: scores, "judge", SETTINGS)
    assert told["accuracy"]["value"] == pytest.approx((0 + 1 + 0.5 + 1 + 1 + 0) / 6)
    assert told["ndcg"]["value"] == pytest.approx(ndcg_score([[3, 2, 1, 0]], [scores]))
    mean = (2 + 1.5 / math.log2(3) + 1.5 / 2 + 1 / math.log2(5)) / (3 + 2 / math.log2(3) + 1 / 2)
    assert told["ndcg"]["value"] == pytest.approx(mean)


def test_the_most_misordered_query_comes_first(make):
    made = make(queries=10)
    bad = {row.text for row in made.rows if row.query_id == "q004"}
    grades = {row.text: row.grade for row in made.rows}
    told = by_similarity(
        Graded(made.input(), 100),
        lambda q, p: [-grades[text] if text in bad else grades[text] for text in p],
        "judge",
        SETTINGS,
    )
    assert told["worst"][0]["query_id"] == "q004"
    assert [passage["grade"] for passage in told["worst"][0]["passages"]] == [0, 1, 2, 3]
    assert len(told["worst"]) == 3


def test_one_passage_a_query_has_no_order():
    data = Graded(AuditInput("x", {"q": "a"}, [Row("q", "p", "text", 1.0)]), 5)
    told = by_similarity(data, lambda q, p: [1.0], "judge", SETTINGS)
    assert told["accuracy"] is told["tau"] is told["ndcg"] is None


@pytest.mark.parametrize(("scores", "message"), [([1.0], "wanted one score a pair"), ([math.nan] * 240, "not finite")])
def test_a_judge_that_answers_nonsense_is_refused(make, scores, message):
    with pytest.raises(WrankError, match=message):
        by_similarity(Graded(make().input(), 100), lambda q, p: scores, "judge", SETTINGS)


def graded(made, judge):
    grades = {row.text: int(row.grade) for row in made.rows}
    return by_grades(
        Graded(made.input(), 100), lambda pairs: [judge(grades[text]) for _, text in pairs], "LLM", SETTINGS
    )


def test_kappa_is_one_for_agreement_and_the_quadratic_one_forgives_neighbours(make):
    assert graded(make(), lambda grade: grade)["kappa"]["value"] == 1
    told = graded(make(), lambda grade: min(grade + 1, 3))
    assert told["kappa"]["value"] < 0.1
    assert told["quadratic"]["value"] > 0.6
    assert told["confusion"] == [[0, 60, 0, 0], [0, 0, 60, 0], [0, 0, 0, 60], [0, 0, 0, 60]]


def test_the_interval_of_kappa_holds_its_value(make):
    made = make()
    told = graded(made, lambda grade: grade if made.random.random() < 0.7 else made.random.randrange(4))
    for name in ("kappa", "quadratic"):
        assert told[name]["low"] < told[name]["value"] < told[name]["high"]


def test_grades_that_could_not_be_read_are_counted(make):
    told = graded(make(), lambda grade: grade if grade else None)
    assert told["unread"] == 60
    assert told["kappa"]["value"] == 1
    assert graded(make(), lambda grade: None)["kappa"] is None


def test_grades_of_another_scale_have_an_order_but_no_kappa(make):
    made = make(levels=5)
    told = graded(made, lambda grade: min(grade, 3))
    assert told["kappa"] is None
    assert told["order"]["accuracy"]["value"] == 0.95


def test_a_grade_outside_the_scale_is_refused(make):
    with pytest.raises(WrankError, match="grade 7"):
        graded(make(), lambda grade: 7)
    with pytest.raises(WrankError, match="0 grades for 240 pairs"):
        by_grades(Graded(make().input(), 100), lambda pairs: [], "LLM", SETTINGS)
