"""The residual collection, computed by hand on passages in the plane."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback import residual
from wrank.evaluation.feedback.base import FeedbackMethod
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.residual import feedback_scores
from wrank.evaluation.feedback.settings import FeedbackSettings

# ids, vectors, grades: the query points along x, what is relevant along y
IDS = ["x1", "x2", "x3", "y1", "y2", "y3"]
VECTORS = [[1, -0.2], [1, -1], [1, -0.5], [0.2, 1], [0.1, 1], [0, 1]]
GRADES = {"y1": 1, "y2": 2, "y3": 1, "x1": 0}
QUERY = np.array([[1, 0]], np.float32)


def settings(**values):
    return FeedbackSettings(
        values.pop("method", KNN()), **{"ks": [1], "seeds": [0], "choice": "top", "nonrelevant": "judged"} | values
    )


@pytest.fixture
def score(plane, ranked):
    def run(lists=None, queries=None, qrels=None, vectors=None, measures=("RR@10", "R@3"), **values):
        lists = {"q": IDS} if lists is None else lists
        queries = np.repeat(QUERY, len(lists), axis=0) if queries is None else queries
        extra = {key: values.pop(key) for key in ("excluded", "progress") if key in values}
        qrels = {"q": GRADES} if qrels is None else qrels
        return feedback_scores(
            settings(**values), ranked(IDS, **lists), queries, vectors or plane(VECTORS), qrels, list(measures), **extra
        )

    return run


def test_what_was_revealed_is_neither_ranked_nor_judged(score):
    """Revealed: y1 and x1. Left, first stage: x2 x3 y2 y3 (RR 1/3); by kNN: y2 y3 x3 x2 (RR 1)."""
    result = score()
    assert result.per_query(1) == {"q": {"RR@10": 1.0, "R@3": 1.0}}
    assert result.per_query(1, first_stage=True) == {"q": {"RR@10": pytest.approx(1 / 3), "R@3": 0.5}}


def test_both_methods_see_the_same_candidates_in_the_same_cells(score):
    seen = []

    class Spy(FeedbackMethod):
        name = "spy"

        def score(self, case):
            seen.append((list(case.ids), case.relevant_RD.tolist(), case.nonrelevant_SD.tolist()))
            return -np.arange(len(case.ids), dtype=np.float64)

    result = score(method=Spy())
    assert seen == [(["x2", "x3", "y2", "y3"], [[pytest.approx(0.2), 1]], [[1, pytest.approx(-0.2)]])]
    assert result.per_query(1) == result.per_query(1, first_stage=True)


def test_feedback_outside_the_candidates_is_read_all_the_same(score, plane):
    vectors = plane(VECTORS)
    result = score({"q": ["x2", "y3"]}, choice="random", seeds=list(range(20)), vectors=vectors)
    assert any(3 in asked or 4 in asked for asked in vectors.asked)
    for cell in result.cells:  # y3 is found first wherever it is still there
        assert cell.feedback["q"]["RR@10"] in (0.0, 1.0)
    assert {cell.feedback["q"]["RR@10"] for cell in result.cells} == {0.0, 1.0}


def test_ks_remove_their_own_feedback_or_that_of_the_largest(score):
    grades = {"y1": 1, "y2": 1, "y3": 1, "x1": 0, "x2": 0}
    own, largest = (score(qrels={"q": grades}, ks=[1, 2], residual=mode) for mode in ("own", "largest"))
    assert own.measures(1, first_stage=True)["RR@10"] == pytest.approx(1 / 3)  # x2 x3 y2 y3
    assert own.measures(2, first_stage=True)["RR@10"] == pytest.approx(1 / 2)  # x3 y3
    assert largest.measures(1, first_stage=True) == largest.measures(2, first_stage=True)
    assert largest.measures(2) == own.measures(2)


def test_k_larger_than_judged_drops_and_counts(score):
    result = score(
        {"q": IDS, "few": IDS, "last": IDS, "nothing": IDS},
        qrels={"q": GRADES, "few": {"y1": 1, "y2": 1}, "last": {"y1": 1, "x1": 0}, "nothing": {"x1": 0}},
        ks=[1, 3],
    )
    assert list(result.per_query(1)) == ["q"]
    wanted = {"queries_judged": 4, "queries_missing": 0, "nonrelevant_unjudged": 0, "judged_outside_corpus": 0}
    assert result.counts[1] == wanted | {"queries_scored": 1, "queries_few_relevant": 2, "queries_few_nonrelevant": 1}
    assert result.counts[3] == wanted | {"queries_scored": 0, "queries_few_relevant": 4, "queries_few_nonrelevant": 0}
    assert [cell.k for cell in result.cells] == [1]


def test_no_query_with_enough_judgements_is_an_error_that_says_what_to_do(score):
    with pytest.raises(
        WrankError, match=r"with 1 passages of each kind.*1 fewer than 1 non-relevant.*judged_then_ranked"
    ):
        score(qrels={"q": {"y1": 1, "y2": 1}})
    with pytest.raises(WrankError, match=r"1 have fewer than 3 relevant") as error:
        score(ks=[3])
    assert "judged_then_ranked" not in str(error.value)


def test_unjudged_candidates_stand_in_for_grade_zero_where_asked(score):
    result = score(qrels={"q": {"y1": 1, "y2": 1}}, nonrelevant="judged_then_ranked")
    assert result.counts[1]["nonrelevant_unjudged"] == 1
    assert result.per_query(1, first_stage=True)["q"]["RR@10"] == pytest.approx(1 / 3)  # x2 x3 y2


def test_a_query_that_the_first_stage_lacks_scores_nothing_and_counts(score):
    result = score({"q": IDS}, qrels={"q": GRADES, "gone": GRADES}, choice="random")
    assert result.per_query(1)["gone"] == result.per_query(1, first_stage=True)["gone"] == {"RR@10": 0.0, "R@3": 0.0}
    assert (result.counts[1]["queries_scored"], result.counts[1]["queries_missing"]) == (2, 1)


def test_a_query_without_candidates_scores_nothing(score):
    result = score({"p": IDS, "q": []}, qrels={"p": GRADES, "q": GRADES}, choice="random")
    assert result.per_query(1)["q"] == {"RR@10": 0.0, "R@3": 0.0}
    assert result.counts[1]["queries_missing"] == 1


def test_a_first_stage_without_any_candidate_is_refused(score):
    for lists in ({"q": []}, {"other": IDS}):
        with pytest.raises(WrankError, match="no judged query has a candidate"):
            score(lists, choice="random")


def test_a_query_whose_candidates_are_all_revealed_scores_nothing(score):
    result = score({"q": ["y1", "x1"]}, measures=["RR@10", "Unjudged@3"])
    assert result.measures(1) == result.measures(1, first_stage=True) == {"RR@10": 0.0, "Unjudged@3": 1.0}
    assert result.counts[1]["queries_missing"] == 0


def test_zero_vectors_are_ranked_by_id_or_get_no_credit_and_are_no_error(score, plane):
    result = score(vectors=plane(np.zeros((6, 2))), queries=np.zeros((1, 2), np.float32))
    assert 0 <= result.measures(1)["RR@10"] <= 1


def test_depth_cuts_before_feedback_leaves(score):
    result = score({"q": IDS}, depth=4)  # x1 x2 x3 y1: y1 and x1 are revealed
    assert result.measures(1) == {"RR@10": 0.0, "R@3": 0.0}


def test_judged_passages_outside_the_corpus_are_counted_and_stay_to_be_found(score):
    result = score(qrels={"q": GRADES | {"elsewhere": 1}}, choice="random")
    assert result.counts[1]["judged_outside_corpus"] == 1
    assert result.measures(1)["R@3"] == pytest.approx(2 / 3)


def test_excluded_passages_are_never_revealed(score):
    for seed in range(8):
        result = score({"q": ["x2", "y2", "y3"]}, choice="random", seeds=[seed], excluded={"q": {"y2", "y3"}}, qrels={
            "q": GRADES | {"x3": 1}
        })  # fmt: skip
        assert result.measures(1, first_stage=True)["RR@10"] == 0.5  # y2 is always left


def test_draws_are_the_same_for_another_first_stage(score):
    class Spy(FeedbackMethod):
        name = "spy"

        def __init__(self):
            self._seen = []

        def score(self, case):
            self._seen.append((case.relevant_RD.tolist(), case.nonrelevant_SD.tolist()))
            return np.arange(len(case.ids), dtype=np.float64)

    one, other = Spy(), Spy()
    score({"q": IDS}, method=one, choice="random", seeds=[0, 1, 2, 3])
    score({"q": IDS[::-1]}, method=other, choice="random", seeds=[0, 1, 2, 3])
    assert one._seen == other._seen
    assert len({str(seen) for seen in one._seen}) > 1


def test_blocks_change_nothing(score, monkeypatch):
    lists = {f"q{i}": IDS[i % 3 :] for i in range(7)}
    qrels = dict.fromkeys(lists, GRADES)
    done = []
    whole = score(lists, qrels=qrels, choice="random", seeds=[0, 1], progress=done.append)
    monkeypatch.setattr(residual, "QUERIES_AT_ONCE", 2)
    blocked = score(lists, qrels=qrels, choice="random", seeds=[0, 1], progress=done.append)
    assert whole == blocked
    assert done == [7, 2, 2, 2, 1]


def test_query_vectors_belong_to_the_rankings_queries(score):
    with pytest.raises(WrankError, match=r"shape \(2, 2\), but the first stage holds 1"):
        score(queries=np.zeros((2, 2), np.float32))


@pytest.mark.parametrize(
    ("vectors", "query", "message"),
    [
        (np.zeros((6, 3)), QUERY, r"came as \(6, 3\), wanted \(6, 2\)"),
        ([*VECTORS[:5], [np.nan, 1]], QUERY, "vector of passage 'y3' holds NaN"),
        (VECTORS, np.array([[np.inf, 0]], np.float32), "vector of query 'q' holds NaN or infinity"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(score, plane, vectors, query, message):
    with pytest.raises(WrankError, match=message):
        score(vectors=plane(vectors), queries=query)


def test_a_method_that_gives_nan_or_too_few_scores_is_refused(score):
    class Broken(FeedbackMethod):
        name = "broken"

        def __init__(self, scores):
            self.scores = scores

        def score(self, case):
            return np.array(self.scores)

    for scores in ([1.0, np.nan, 1.0, 1.0], [1.0], [1e39, 1.0, 1.0, 1.0]):
        with pytest.raises(WrankError, match=r"broken gave query 'q' scores of shape .*wanted 4 numbers"):
            score(method=Broken(scores))
