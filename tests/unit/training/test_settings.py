"""Values out of range are refused before any work; what does not change the result is not in the key."""

import pytest

from wrank.errors import WrankError
from wrank.training.settings import TrainerSettings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("precision", "fp8"),
        ("in_batch", "all"),
        ("accelerator", "tpu"),
        ("strategy", "magic"),
        ("max_epochs", 0),
        ("max_epochs", float("nan")),
        ("max_steps", 0),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("learning_rate", 0.0),
        ("learning_rate", "fast"),
        ("warmup", 1.5),
        ("weight_decay", -0.1),
        ("clip", 0.0),
        ("workers", -1),
        ("passage_chunk", 0),
        ("patience", 0),
        ("nodes", 0),
        ("compile", "yes"),
        ("cache_gradients", 1),
        ("deepspeed_stage", 3),
    ],
)
def test_value_out_of_range_is_refused_by_name(key, value):
    with pytest.raises(WrankError, match=f"trainer.{key}="):
        TrainerSettings(**{key: value})


def test_steps_round_to_whole_epochs_of_full_batches():
    settings = TrainerSettings(max_epochs=4, batch_size=16)
    assert settings.steps(135) == 34
    assert TrainerSettings(max_epochs=1, batch_size=16, devices=4, accumulate=4).steps(512) == 2
    assert TrainerSettings(max_epochs=1, max_steps=7).steps(10_000) == 7
    assert TrainerSettings(max_epochs=1, batch_size=64).steps(3) == 1


def test_key_holds_what_changes_the_result_only():
    same = [
        *({"workers": 3}, {"strategy": "ddp_fork"}, {"strategy": "ddp"}, {"checkpoint_steps": 1}, {"log_steps": 9}),
        *({"cache_gradients": True}, {"deepspeed_stage": 1}),
    ]
    other = [{"batch_size": 8}, {"learning_rate": 1e-3}, {"in_batch": "none"}, {"devices": 2}, {"compile": True}]
    base = TrainerSettings(precision="32-true").identity()
    for change in same:
        assert TrainerSettings(precision="32-true", **change).identity() == base
    for change in other:
        assert TrainerSettings(**({"precision": "32-true"} | change)).identity() != base


def test_ranks_are_counted_over_machines():
    two = TrainerSettings(precision="32-true", devices=2, strategy="ddp")
    machines = TrainerSettings(precision="32-true", nodes=2, strategy="ddp")
    assert machines.world_size == 2
    assert machines.identity() == two.identity()
    assert TrainerSettings(batch_size=4, devices=2, nodes=3, strategy="ddp").queries_a_step == 24


def test_key_of_a_training_without_the_newer_keys_is_as_it_was():
    """Trainings that are finished stay found."""
    found = TrainerSettings(precision="32-true").identity()
    assert not found.keys() & {"nodes", "compile", "cache_gradients", "deepspeed_stage", "strategy"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nodes": 2}, r"nodes=2 with trainer\.strategy=auto"),
        ({"nodes": 2, "strategy": "ddp_spawn"}, r"nodes=2 with trainer\.strategy=ddp_spawn"),
        ({"strategy": "fsdp2"}, r"strategy=fsdp2 with one device"),
        (
            {"strategy": "fsdp2", "devices": 2, "precision": "16-mixed"},
            r"strategy=fsdp2 with trainer\.precision=16-mixed",
        ),
        ({"strategy": "fsdp2", "devices": 2, "compile": True}, r"compile=true with trainer\.strategy=fsdp2"),
        ({"strategy": "deepspeed", "compile": True}, r"compile=true with trainer\.strategy=deepspeed"),
        ({"strategy": "deepspeed", "accelerator": "cpu"}, r"strategy=deepspeed with trainer\.accelerator=cpu"),
    ],
)
def test_values_that_do_not_go_together_are_refused(given, words):
    with pytest.raises(WrankError, match=words):
        TrainerSettings(**given)


def test_auto_precision_is_resolved_in_the_key():
    assert TrainerSettings(precision="auto", accelerator="cpu").identity()["precision"] in ("32-true", "bf16-mixed")


def test_gpu_asked_for_and_not_there_is_an_error():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(WrankError, match="no GPU"):
        TrainerSettings(accelerator="gpu").uses_gpu()
