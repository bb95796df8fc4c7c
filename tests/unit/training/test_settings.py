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
    same = [{"workers": 3}, {"strategy": "ddp_fork"}, {"checkpoint_steps": 1}, {"log_steps": 9}]
    other = [{"batch_size": 8}, {"learning_rate": 1e-3}, {"in_batch": "none"}, {"devices": 2}]
    base = TrainerSettings(precision="32-true").identity()
    for change in same:
        assert TrainerSettings(precision="32-true", **change).identity() == base
    for change in other:
        assert TrainerSettings(**({"precision": "32-true"} | change)).identity() != base


def test_auto_precision_is_resolved_in_the_key():
    assert TrainerSettings(precision="auto", accelerator="cpu").identity()["precision"] in ("32-true", "bf16-mixed")


def test_gpu_asked_for_and_not_there_is_an_error():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(WrankError, match="no GPU"):
        TrainerSettings(accelerator="gpu").uses_gpu()
