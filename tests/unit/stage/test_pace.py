"""Time from earlier manifests: the same training, a like one scaled, or none; never one from another machine."""

import pytest

from wrank.manifest import hardware
from wrank.stage.pace import Wanted, encoding_pace, step_pace, writing_pace
from wrank.store import Artifact

TRAINER = {
    **{"batch_size": 8, "accumulate": 1, "in_batch": "local", "world_size": 1, "passage_chunk": 16},
    **{"precision": "32-true", "learning_rate": 1e-5},
}


def trained(tmp_path, name="m", steps=10, seconds=20.0, size=4, model="minilm", where=None, resumed_at=0, **trainer):
    manifest = {
        "kind": "model",
        "seconds": seconds,
        "config": {"trainer": TRAINER | trainer, "lists": {"size": size}, "model": {"passage_length": 64}},
        "details": {"choices": {"model": model}},
        "result": {"steps": steps, "resumed_at": resumed_at},
        "hardware": hardware() if where is None else where,
    }
    return Artifact(tmp_path / name, manifest)


def wanted(size=4, lengths=None, anywhere=False, **trainer):
    return Wanted("minilm", lengths or {}, TRAINER | trainer, size, anywhere)


def test_the_longest_training_with_the_same_model_and_trainer_is_taken(tmp_path):
    short, old = trained(tmp_path, "short", steps=2, seconds=9), trained(tmp_path, "old", steps=3)
    known = [short, trained(tmp_path, "long"), old]
    pace = step_pace(known, wanted(learning_rate=1e-4))
    assert pace.seconds == 2.0
    assert pace.basis == "long, same model and trainer"


@pytest.mark.parametrize(("asked", "factor"), [({"batch_size": 16}, 2), ({"size": 2}, 0.5), ({"world_size": 4}, 4)])
def test_another_batch_is_scaled_by_the_passages_of_a_step(asked, factor, tmp_path):
    pace = step_pace([trained(tmp_path)], wanted(**asked))
    assert pace.seconds == 2.0 * factor
    assert "scaled from 32 to" in pace.basis


def test_an_exact_one_is_better_than_a_longer_one_that_is_scaled(tmp_path):
    known = [trained(tmp_path, "other", steps=500, batch_size=16), trained(tmp_path, "exact", steps=5)]
    assert "exact" in step_pace(known, wanted()).basis


def test_of_a_resumed_training_the_seconds_are_of_its_last_try(tmp_path):
    assert step_pace([trained(tmp_path, steps=10, resumed_at=6)], wanted()).seconds == 5.0


@pytest.mark.parametrize(
    "other", [{"model": "tiny"}, {"where": {"gpus": ["H100"]}}, {"precision": "bf16-mixed"}, {"steps": 0}]
)
def test_what_is_not_alike_is_not_taken(other, tmp_path):
    assert step_pace([trained(tmp_path, **other)], wanted()) is None


def test_texts_of_another_length_are_not_taken(tmp_path):
    assert step_pace([trained(tmp_path)], wanted(lengths={"passage_length": 256})) is None
    assert step_pace([trained(tmp_path)], wanted(lengths={"passage_length": 64})) is not None


def test_for_a_job_on_another_machine_the_basis_says_where_it_ran(tmp_path):
    known = [trained(tmp_path, where={"gpus": ["H100", "H100"]})]
    assert step_pace(known, wanted(anywhere=True)).basis.endswith("(on H100)")


def vectors(tmp_path, name, passages=100, **config):
    manifest = {
        "kind": "vectors",
        "seconds": 50.0,
        "config": {"precision": "float32"} | config,
        "details": {"model": name},
        "result": {"passages": passages},
        "hardware": hardware(),
    }
    return Artifact(tmp_path / name, manifest)


def test_encoding_is_as_quick_with_a_model_trained_from_this_one(tmp_path):
    known = [vectors(tmp_path, "minilm-kl-s0", 200), vectors(tmp_path, "minilmer", 900), vectors(tmp_path, "minilm")]
    assert encoding_pace(known, "minilm", "float32", False).seconds == 0.25
    assert encoding_pace(known, "minilm", "bfloat16", False) is None


def test_tokens_are_those_of_an_earlier_generation_by_the_same_recipe_and_model(tmp_path):
    manifest = {
        "kind": "generation",
        "seconds": 30.0,
        "config": {"recipe": {"name": "graded"}},
        "result": {"outcome": {"model": "bundled:smollm2", "items": 5, "output_tokens": 1500}},
    }
    known = [Artifact(tmp_path / "g", manifest)]
    tokens, pace = writing_pace(known, {"name": "graded"}, "bundled:smollm2")
    assert (tokens, pace.seconds) == (300, 0.02)
    assert writing_pace(known, {"name": "binary"}, "bundled:smollm2") is None
