"""Errors of a reranker's scorer name the keys that a user has typed."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from wrank.config import build
from wrank.errors import WrankError
from wrank.evaluation.rerank import Reranker
from wrank.stage.system.reranked import RerankedSystem

KEY = r"evaluation\.reranker\.scorer\."


@pytest.fixture
def system():
    scorer = SimpleNamespace(score=lambda pairs: iter(()), title=lambda: "scorer", identity=broken)
    first = SimpleNamespace(name="first", identity=lambda context, test: ({}, {}))
    return RerankedSystem(first, Reranker(scorer))


def broken():
    raise WrankError("teacher.model=no/such: give a folder, or teacher.model=random:tiny; the teacher. No more")


def test_what_the_scorer_says_when_it_is_loaded(system):
    with pytest.raises(WrankError) as error:
        system.identity(None, None)
    told = str(error.value)
    assert told.startswith(
        "evaluation.reranker.scorer.model=no/such: give a folder, or evaluation.reranker.scorer.model="
    )
    assert told.endswith("; the teacher. No more")


def node(**settings):
    return {"_target_": "wrank.teacher.cross_encoder.CrossEncoderTeacher", "model": "random:tiny", **settings}


def test_what_the_scorer_says_when_it_is_made():
    reranker = {"_target_": "wrank.evaluation.rerank.Reranker", "scorer": node(max_length=3)}
    cfg = OmegaConf.create({"evaluation": {"_target_": "wrank.evaluation.settings.EvaluationSettings"}})
    cfg.evaluation.reranker = reranker
    with pytest.raises(WrankError, match=f"^{KEY}max_length=3: wanted a whole number"):
        build(cfg, "evaluation")


def test_a_teacher_of_its_own_keeps_its_keys():
    with pytest.raises(WrankError, match=r"^teacher\.max_length=3"):
        build(OmegaConf.create({"teacher": node(max_length=3)}), "teacher")
