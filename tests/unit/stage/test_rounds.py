"""What all procedures in rounds share."""

import pytest

from tests.unit.stage.test_refresh import Counting, job, trained
from wrank.errors import WrankError
from wrank.stage.identity import run_name
from wrank.stage.model import plan_training
from wrank.stage.rounds import checked_rounds, with_choices


def test_without_rounds_the_key_and_the_name_are_those_of_before(tmp_path):
    context = job(tmp_path)
    plan = plan_training(checked_rounds(context).first(context))
    assert "rounds" not in plan.stage.config
    assert run_name(context) == "tiny-infonce-s0"
    tracker = Counting()
    artifact = trained(job(tmp_path), tracker).artifact
    assert artifact.manifest["key"] == plan.stage.key
    assert tracker.started == [(f"model-{plan.stage.key[:16]}", "tiny-infonce-s0")]
    assert not (artifact.path / "round.ckpt").exists()


@pytest.mark.parametrize("name", ["refresh", "self_training"])
def test_a_model_that_ranks_no_corpus_is_refused(name, tmp_path):
    context = job(tmp_path, f"rounds={name}", rounds=name)
    context.cfg.model._target_ = "wrank.model.cross_encoder.CrossEncoder"
    with pytest.raises(WrankError, match=f"rounds={name} wants a bi-encoder, but model=tiny is a CrossEncoder"):
        checked_rounds(context)
    assert context._base is None  # told from the configuration: nothing was loaded


def test_changed_choices_leave_the_job_as_it_was(tmp_path):
    context = job(tmp_path, "loss=kl", loss="kl")
    base = context.base
    other = with_choices(context, {"loss": {"a": 1}, "teacher": {"b": 2}}, {"loss": "x", "teacher": "y", "model": None})
    assert (other.cfg.loss, other.cfg.teacher) == ({"a": 1}, {"b": 2})
    assert other.choices == {"loss": "x", "teacher": "y"}
    assert "a" not in context.cfg.loss
    assert context.cfg.get("teacher") is None
    assert context.choices == {"model": "tiny", "loss": "kl"}
    assert other.base is base
    assert with_choices(context, {}, {}, new_base=True).base is not base
