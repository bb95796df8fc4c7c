"""Noisy self-training: who teaches whom, from where students start, what is shared, what is refused."""

import pytest
import torch
from pyarrow import parquet

from tests.unit.stage.test_refresh import Counting, job, same, trained, weights
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.model import plan_training
from wrank.stage.rounds import checked_rounds

WORDS = ("rounds=self_training", "loss=teacher_kl", "trainer.max_steps=2", "data/augment=token_noise")


def students(tmp_path, *overrides, **choices):
    named = {"rounds": "self_training", "loss": "teacher_kl", "data/augment": "token_noise"} | choices
    return job(tmp_path, *WORDS, *overrides, **named)


def of_kind(context, kind):
    return [one for one in context.store.artifacts() if one.manifest["kind"] == kind]


def fingerprint(folder):
    return BiEncoder(path=str(folder)).fingerprint()


def test_each_round_s_teacher_is_the_last_one_s_student(tmp_path):
    context = students(tmp_path)
    result = trained(context).artifact
    models, scores = of_kind(context, "model"), of_kind(context, "scores")
    assert [one.manifest["name"] for one in models] == [
        "tiny-infonce-s0",
        "tiny-teacher_kl-self_training-s0-r1",
        "tiny-teacher_kl-self_training-s0-r2",
    ]
    assert result.path == models[-1].path
    for number in (0, 1):
        asked = scores[number].manifest["config"]["teacher"]["fingerprint"]
        assert asked == fingerprint(models[number].path / "last")
        assert models[number + 1].manifest["inputs"]["teacher"] == scores[number].content_key
    assert models[0].manifest["config"]["augment"] is None
    assert models[1].manifest["config"]["augment"]["_target_"].endswith("TokenNoise")
    base = BiEncoder("random:tiny", query_length=64, passage_length=128).fingerprint()
    assert {one.manifest["inputs"]["model"] for one in models} == {base}
    assert not same(weights(models[1]), weights(models[2]))


def test_scores_are_those_of_the_teacher_on_texts_without_noise(tmp_path):
    context = students(tmp_path, "rounds.count=1")
    trained(context)
    (scores,) = of_kind(context, "scores")
    teacher = BiEncoder(path=str(of_kind(context, "model")[0].path / "last"))
    rows = parquet.read_table(scores.path / "pairs.parquet").to_pylist()[:5]
    collection = context.collection("train")
    for row in rows:
        query = collection.queries.text(collection.queries.row(row["query_id"]))
        (passage,) = collection.passages.texts(collection.passages.rows([row["passage_id"]]))
        with torch.no_grad():
            one, other = (
                teacher.embed(teacher.tokenize([text], role), role)[0]
                for text, role in ((query, "query"), (passage, "passage"))
            )
        assert row["score"] == pytest.approx(float(one @ other) / 0.05, abs=1e-3)


def test_average_teaches_when_it_is_asked_for(tmp_path):
    context = students(tmp_path, "rounds.teacher=average", "rounds.decay=0.5", "trainer.max_steps=4")
    trained(context)
    models, scores = of_kind(context, "model"), of_kind(context, "scores")
    for number in (0, 1):
        asked = scores[number].manifest["config"]["teacher"]["fingerprint"]
        assert asked == fingerprint(models[number].path / "average")
        assert asked != fingerprint(models[number].path / "last")
    assert {one.manifest["config"]["average"] for one in models} == {0.5}
    assert "average" not in of_kind(students(tmp_path), "scores")[0].manifest["config"]


def test_students_that_go_on_start_from_the_weights_of_the_round_before(tmp_path):
    context = students(tmp_path, "rounds.start=previous", "data.lists.negatives=dense")
    trained(context)
    models = of_kind(context, "model")
    for number in (0, 1):
        assert models[number + 1].manifest["inputs"]["model"] == fingerprint(models[number].path / "last")
    assert len({one.manifest["inputs"]["candidates"] for one in models}) == 3  # each ranks the corpus itself
    assert {str(one.manifest["config"]["model"]["dropout"]) for one in models} == {
        str(models[0].manifest["config"]["model"]["dropout"])
    }


def test_the_base_teaches_first_without_a_training_on_labels(tmp_path):
    context = students(tmp_path, "rounds.warm=base", "model.passage_length=32")
    trained(context)
    models, scores = of_kind(context, "model"), of_kind(context, "scores")
    assert len(models) == 2
    base = BiEncoder("random:tiny", query_length=64, passage_length=32).fingerprint()
    assert scores[0].manifest["config"]["teacher"]["fingerprint"] == base
    assert scores[0].manifest["config"]["teacher"]["temperature"] == 0.05


@pytest.mark.parametrize("override", ["model.seed=1", "model.dimensions=16", "model.shared=false"])
def test_the_teacher_of_warm_base_is_the_base(override, tmp_path):
    (tmp_path / "other").mkdir()
    BiEncoder("random:tiny", seed=3).save(tmp_path / "other" / "best")
    own = ("teacher=bi_encoder", f"teacher.path={tmp_path / 'other' / 'best'}", "teacher.pooling=cls")
    for words, choices in (((), {}), (own, {"teacher": "bi_encoder"})):
        context = students(tmp_path, "rounds.warm=base", "rounds.count=1", override, *words, **choices)
        trained(context)
    (scores,) = of_kind(context, "scores")
    assert scores.manifest["config"]["teacher"]["fingerprint"] == context.base.fingerprint()


def test_self_trainings_that_differ_are_different_runs_of_the_tracker(tmp_path):
    """The first teacher is the same for all, and its training is all that is planned before the students'."""

    def key(*words, **choices):
        context = students(tmp_path, *words, **choices)
        rounds = checked_rounds(context)
        plan = plan_training(rounds.first(context))
        return plan.stage.key, rounds.whole(context, plan, None).stage.key

    file = tmp_path / "preferences.parquet"
    file.write_text("some")
    given = f"+data.preferences={file}"
    pairs = [key(), key(given)]
    file.write_text("other")
    pairs += [
        key(given),
        key("~data/augment", **{"data/augment": None}),
        key("data.augment.delete=0.3"),
        key("teacher=bi_encoder", "teacher.temperature=1.0", teacher="bi_encoder"),
        key("teacher=bi_encoder", "teacher.query_length=8", teacher="bi_encoder"),
        key("teacher_negatives=9"),
        key("preferences.pairs=all"),
        key("loss.teacher_temperature=3.0"),
    ]
    assert len({first for first, _ in pairs}) == 1
    assert len({whole for _, whole in pairs}) == len(pairs)
    assert key("teacher=bi_encoder", "teacher.batch_tokens=99", teacher="bi_encoder") == pairs[0]


def test_the_first_teacher_s_training_tells_of_no_teacher(tmp_path, capsys):
    context = students(tmp_path, "teacher=bi_encoder", teacher="bi_encoder")
    plan_training(checked_rounds(context).first(context))
    assert "is not asked" not in capsys.readouterr().err


def test_first_teacher_is_the_training_without_rounds_and_more_rounds_share_the_first(tmp_path):
    plain = trained(job(tmp_path, "trainer.max_steps=2")).artifact
    context = students(tmp_path, "rounds.count=1")
    one = trained(context).artifact
    assert of_kind(context, "model")[0].path == plain.path
    tracker = Counting()
    trained(students(tmp_path, "rounds.count=2"), tracker)
    assert len(of_kind(context, "model")) == 3
    assert of_kind(context, "model")[1].path == one.path
    assert [name for _, name in tracker.started] == ["tiny-teacher_kl-self_training-s0"]
    assert tracker.first_steps == [4]  # the two rounds that were found have two steps each


def test_teacher_s_own_keys_can_be_set(tmp_path):
    context = students(tmp_path, "teacher=bi_encoder", "teacher.temperature=0.5", teacher="bi_encoder")
    trained(context)
    models, scores = of_kind(context, "model"), of_kind(context, "scores")
    assert {one.manifest["config"]["teacher"]["temperature"] for one in scores} == {0.5}
    assert scores[1].manifest["config"]["teacher"]["fingerprint"] == fingerprint(models[1].path / "last")


def test_sums_learn_from_teacher_and_labels_at_a_time(tmp_path):
    context = students(tmp_path, "loss=cadet", "rounds.count=1", loss="cadet")
    assert trained(context).artifact.manifest["result"]["steps"] == 2


@pytest.mark.parametrize(
    ("overrides", "choices", "message"),
    [
        (["loss=kl"], {"loss": "kl"}, "loss=kl: that loss learns nothing from a teacher"),
        (["rounds.count=0"], {}, r"rounds\.count=0"),
        (["rounds.count=two"], {}, r"rounds\.count=two: wanted a whole number"),
        (["rounds.warm=cold"], {}, r"rounds\.warm='cold': wanted one of labels, base"),
        (["rounds.teacher=self"], {}, r"rounds\.teacher='self'"),
        (["rounds.start=first"], {}, r"rounds\.start='first'"),
        (["rounds.decay=1.0"], {}, r"rounds\.decay=1\.0: wanted a number from 0 to below 1"),
        (["rounds.first_loss=infonec"], {}, r"rounds\.first_loss=infonec: no such loss; did you mean infonce\?"),
        (["rounds.first_loss=margin_mse"], {}, r"rounds\.first_loss=margin_mse needs teacher"),
        (["rounds.first_loss=ws2", "trainer.in_batch=none"], {}, r"WS2.*in_batch=none"),
        (["teacher=cross_encoder"], {"teacher": "cross_encoder"}, r"teacher=cross_encoder.*leave teacher out"),
        (["+data.scores=somewhere"], {}, r"data\.scores"),
    ],
)
def test_bad_input_is_refused_before_any_work(overrides, choices, message, tmp_path):
    context = students(tmp_path, *overrides, **choices)
    with pytest.raises(WrankError, match=message):
        checked_rounds(context)
    assert context.store.artifacts() == []
