"""Hard-negative refresh: what each round draws from, when nothing changes, what is refused."""

import json

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from wrank.config import conf_folder, register
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.stage import refresh
from wrank.stage.context import Context
from wrank.stage.model import plan_training
from wrank.stage.rounds import checked_rounds
from wrank.tracking.base import Tracker

WORDS = (
    *("data=sample", "data.lists.negatives=dense", "data.lists.judged=2", "model=tiny", "model.dropout=0.1"),
    *("trainer=cpu", "trainer.precision=32-true", "trainer.batch_size=4", "trainer.max_steps=5", "max_queries=16"),
)


def job(tmp_path, *overrides, **choices):
    register()
    GlobalHydra.instance().clear()
    words = [*WORDS, f"paths.store={tmp_path / 'store'}", f"paths.tables={tmp_path / 'tables'}", *overrides]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("run", words)
    return Context(cfg, {"model": "tiny", "loss": "infonce"} | choices)


def trained(context, tracker=None):
    rounds = checked_rounds(context)
    plan = plan_training(rounds.first(context))
    return rounds.train(context, plan, tracker or Tracker())


def weights(artifact, folder="last"):
    return BiEncoder(path=str(artifact.path / folder)).state_dict()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def ranked(monkeypatch):
    """Each ranking's model, and who is called what."""
    calls = []
    real = refresh.find_candidates

    def spy(context, collection, model, depth, name):
        calls.append((name, model.fingerprint()))
        return real(context, collection, model, depth, name)

    monkeypatch.setattr(refresh, "find_candidates", spy)
    return calls


def test_without_a_change_of_candidates_it_is_the_unbroken_training(tmp_path, monkeypatch):
    """Bit for bit, with dropout, warm-up and clipping; figures and dev scores too."""
    unbroken = trained(job(tmp_path)).artifact
    first = plan_training(job(tmp_path)).candidates

    def unchanged(context, collection, model, depth, name):
        return refresh_artifact(context, collection), first

    def refresh_artifact(context, collection):
        from wrank.stage.candidates import find_candidates

        return find_candidates(context, collection, context.base, 60)[0]

    monkeypatch.setattr(refresh, "find_candidates", unchanged)
    for count in (2, 3):
        whole = trained(job(tmp_path, "rounds=refresh", f"rounds.count={count}", rounds="refresh")).artifact
        assert same(weights(whole), weights(unbroken))
        assert same(weights(whole, "best"), weights(unbroken, "best"))
        dev = [json.loads((one.path / "dev.json").read_text()) for one in (whole, unbroken)]
        assert dev[0] == dev[1]
    assert not same(weights(unbroken), BiEncoder("random:tiny").state_dict())


def test_each_round_ranks_by_the_weights_of_the_one_before_and_says_so_in_its_key(tmp_path, ranked):
    context = job(tmp_path, "rounds=refresh", "rounds.count=3", rounds="refresh")
    result = trained(context)
    rounds = [one for one in context.store.artifacts() if one.manifest["kind"] == "model"]
    assert [one.manifest["name"] for one in rounds] == [f"tiny-infonce-refresh-s0-r{n}" for n in (1, 2, 3)]
    assert result.artifact.path == rounds[2].path
    for number in (1, 2):
        assert rounds[number].manifest["inputs"]["previous"] == rounds[number - 1].content_key
        assert ranked[number - 1][1] == BiEncoder(path=str(rounds[number - 1].path / "last")).fingerprint()
    candidates = [one.manifest["inputs"]["candidates"] for one in rounds]
    assert len(set(candidates)) == 3
    assert [one.manifest["result"]["steps"] for one in rounds] == [2, 3, 5]
    assert not same(weights(rounds[2]), weights(trained(job(tmp_path)).artifact))  # the negatives are others


def test_dev_queries_are_ranked_over_the_same_passages_in_every_round(tmp_path, monkeypatch):
    """Otherwise the best weights would be those of the easiest passages."""
    from wrank.stage import model

    real, passages = model.make_dev_set, []

    def spy(collection, query_ids, settings, *, rank, **named):
        passages.append({query_id: rank(query_id) for query_id in query_ids})
        return real(collection, query_ids, settings, rank=rank, **named)

    monkeypatch.setattr(model, "make_dev_set", spy)
    trained(job(tmp_path, "rounds=refresh", "rounds.count=3", "trainer.learning_rate=0.01", rounds="refresh"))
    assert len(passages) == 3
    assert passages[0] == passages[1] == passages[2] != {}


def test_the_same_job_again_finds_every_round(tmp_path):
    words = ("rounds=refresh", "rounds.count=2")
    first = trained(job(tmp_path, *words, rounds="refresh")).artifact
    again = trained(job(tmp_path, *words, rounds="refresh")).artifact
    assert (first.was_finished, again.was_finished) == (False, True)
    assert first.path == again.path


def test_rounds_of_one_have_the_key_of_a_training_without_rounds(tmp_path):
    plain = trained(job(tmp_path)).artifact
    assert trained(job(tmp_path, "rounds=refresh", "rounds.count=1", rounds="refresh")).artifact.path == plain.path


def test_epochs_a_round_stand_for_the_trainer_s_length(tmp_path):
    """16 queries, 4 a step, 2 rounds of half an epoch: 4 steps."""
    words = ("rounds=refresh", "rounds.count=2", "rounds.epochs=0.5", "data.dev_share=0")
    result = trained(job(tmp_path, *words, rounds="refresh")).artifact.manifest["result"]
    assert (result["begins_at"], result["steps"]) == (2, 4)


def test_fresh_optimizer_is_another_training(tmp_path):
    words = ("rounds=refresh", "rounds.count=2")
    carried = trained(job(tmp_path, *words, rounds="refresh")).artifact
    fresh = trained(job(tmp_path, *words, "rounds.optimizer=fresh", rounds="refresh")).artifact
    assert not same(weights(carried), weights(fresh))


def test_patience_that_ends_a_round_ends_the_training(tmp_path, monkeypatch):
    from wrank.stage import model

    monkeypatch.setattr(model, "make_dev_set", lambda *words, **named: lambda one: {"nDCG@10": 0.5})
    words = ("rounds=refresh", "trainer.dev_steps=1", "trainer.patience=1", "trainer.max_steps=6")
    context = job(tmp_path, *words, rounds="refresh")
    result = trained(context).artifact.manifest["result"]
    assert (result["steps"], result["stopped_early"]) == (1, True)
    assert len([one for one in context.store.artifacts() if one.manifest["kind"] == "model"]) == 1


class Counting(Tracker):
    def __init__(self):
        self.started, self.first_steps = [], []

    def start(self, identity):
        self.started.append((identity.id, identity.name))

    def lightning_loggers(self, first_step=0):
        self.first_steps.append(first_step)
        return []


def test_all_rounds_are_one_run_of_the_tracker(tmp_path):
    tracker, again = Counting(), Counting()
    words = ("rounds=refresh", "rounds.count=2")
    plan = trained(job(tmp_path, *words, rounds="refresh"), tracker).plan
    assert tracker.started == [(f"model-{plan.stage.key[:16]}", "tiny-infonce-refresh-s0")]
    assert tracker.first_steps == [0, 0]  # the steps go on by themselves
    trained(job(tmp_path, *words, rounds="refresh"), again)
    assert again.started == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.lists.negatives=random"], r"negatives=random.*negatives=dense"),
        (["rounds.count=0"], r"rounds\.count=0"),
        (["rounds.count=1.5"], r"rounds\.count=1\.5"),
        (["rounds.count=6"], r"rounds\.count=6.*5 optimizer steps"),
        (["rounds.epochs=0"], r"rounds\.epochs=0"),
        (["rounds.optimizer=keep"], r"rounds\.optimizer='keep'.*carry, fresh"),
        (["trainer.strategy=ddp", "trainer.devices=2"], r"strategy=ddp.*ddp_spawn"),
        (["+rounds.cuont=3"], r"rounds\.cuont.*did you mean rounds\.count"),
    ],
)
def test_bad_input_is_refused_before_any_work(overrides, message, tmp_path):
    context = job(tmp_path, "rounds=refresh", *overrides, rounds="refresh")
    with pytest.raises(WrankError, match=message):
        checked_rounds(context)
    assert context.store.artifacts() == []


def test_lists_that_are_full_without_negatives_are_refused(tmp_path):
    context = job(tmp_path, "rounds=refresh", "data.lists.judged=null", rounds="refresh")
    with pytest.raises(WrankError, match=r"data\.lists\.size=4 and data\.lists\.judged=4"):
        trained(context)


def test_more_rounds_than_steps_of_the_epochs_are_refused(tmp_path):
    words = ("rounds=refresh", "rounds.count=5", "trainer.max_steps=null", "trainer.max_epochs=1")
    context = job(tmp_path, *words, rounds="refresh")
    with pytest.raises(WrankError, match=r"rounds\.count=5.*4 optimizer steps"):
        trained(context)


def test_a_teacher_scores_the_new_negatives_too(tmp_path):
    """Otherwise the loss would pass them over in silence."""
    words = ("rounds=refresh", "rounds.count=2", "loss=teacher_kl", "teacher=bi_encoder", "teacher.source=random:tiny")
    context = job(tmp_path, *words, rounds="refresh", loss="teacher_kl", teacher="bi_encoder")
    trained(context)
    scores = [one for one in context.store.artifacts() if one.manifest["kind"] == "scores"]
    models = [one for one in context.store.artifacts() if one.manifest["kind"] == "model"]
    assert [one.manifest["inputs"]["teacher"] for one in models] == [one.content_key for one in scores]
    assert scores[0].content_key != scores[1].content_key
