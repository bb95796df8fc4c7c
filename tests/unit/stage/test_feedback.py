"""Feedback that cannot be is refused before anything is encoded."""

from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.settings import FeedbackSettings
from wrank.stage.feedback import check_feedback_all
from wrank.stage.system.dense import DenseSystem

DENSE = object.__new__(DenseSystem)


def job(**settings):
    feedback = FeedbackSettings(KNN(), **settings) if settings else None
    return SimpleNamespace(settings=SimpleNamespace(feedback=feedback))


def of(name, grades, relevant=1):
    qrels = {"q": {f"p{place}": grade for place, grade in enumerate(grades)}}
    return SimpleNamespace(name=name, relevant=relevant, collection=SimpleNamespace(qrels=qrels))


def test_nothing_is_asked_for_and_nothing_refused():
    check_feedback_all(job(), SimpleNamespace(name="bm25"), [of("one", [1])])


def test_a_system_without_vectors_is_refused():
    with pytest.raises(WrankError, match="which bm25 has none of"):
        check_feedback_all(job(ks=[1]), SimpleNamespace(name="bm25"), [of("one", [1, 1, 0])])


def test_the_set_that_has_too_few_judgements_is_named():
    enough, few = of("enough", [1, 1, 0]), of("few", [1, 0])
    check_feedback_all(job(ks=[1]), DENSE, [enough])
    with pytest.raises(WrankError, match=r"^few: feedback: no query .*leave the set out by evaluation\.suite\.subset"):
        check_feedback_all(job(ks=[1]), DENSE, [enough, few])


def test_what_counts_as_relevant_is_the_set_s_unless_it_is_set():
    graded = of("dl19", [1, 1, 2, 0], relevant=2)
    with pytest.raises(WrankError, match="1 have fewer than 1 relevant"):
        check_feedback_all(job(ks=[1]), DENSE, [graded])
    check_feedback_all(job(ks=[1], relevant=1), DENSE, [graded])
