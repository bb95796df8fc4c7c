"""Memory and disk by the formulas, in numbers small enough to compute by hand."""

import pytest

from wrank.model.size import ModelSize
from wrank.stage.footprint import Batch, Kind, disk_bytes, memory_bytes
from wrank.training.settings import TrainerSettings

SIZE = ModelSize({"layer.0.a.weight": (10, 10), "embeddings": (50, 10)}, layers=2, hidden=10)  # 600 numbers
BATCH = Batch(queries=2, passages=3, query_length=4, passage_length=8)  # 2 x (4 + 3 x 8) = 56 tokens
STATES = 600 * 16
ACTIVATIONS = 56 * 10 * 34 * 2


def settings(**keys):
    return TrainerSettings(**({"accelerator": "cpu", "precision": "bf16-mixed"} | keys))


def memory(kind=None, **keys):
    one = settings(**keys)
    return memory_bytes(SIZE, one, BATCH, kind or Kind(600, one.precision))


def test_memory_is_weights_gradients_moments_and_activations():
    assert BATCH.tokens == 56
    assert memory() == STATES + ACTIVATIONS


def test_at_32_bits_all_but_the_dropout_masks_double():
    assert memory(precision="32-true") == STATES + 56 * 10 * 66 * 2


def test_bf16_throughout_halves_the_states():
    assert memory(precision="bf16-true") == STATES / 2 + ACTIVATIONS


def test_frozen_weights_have_neither_gradients_nor_moments():
    assert memory(Kind(100, "bf16-mixed")) == 600 * 4 + 100 * 16 + ACTIVATIONS
    assert memory(Kind(100, "bf16-mixed", quantized=True)) == 600 * 0.5 + 100 * 16 + ACTIVATIONS


def test_checkpointing_keeps_each_layers_input_and_one_layer():
    assert memory(Kind(600, "bf16-mixed", checkpointed=True)) == STATES + 56 * 10 * 2 * 2 + ACTIVATIONS / 2


def test_cached_gradients_need_one_chunk_for_any_batch():
    large = Batch(queries=1000, passages=3, query_length=4, passage_length=8)
    kind, one = Kind(600, "bf16-mixed"), settings(cache_gradients=True, passage_chunk=1)
    assert memory_bytes(SIZE, one, large, kind) == STATES + 256 * 10 * 34 * 2
    assert memory(cache_gradients=True, passage_chunk=1) == memory()  # fewer tokens than a chunk


@pytest.mark.parametrize(
    ("keys", "states"),
    [
        ({"strategy": "fsdp2"}, 600 * 16 / 4),
        ({"strategy": "deepspeed", "deepspeed_stage": 1, "accelerator": "gpu"}, 600 * (8 + 8 / 4)),
        ({"strategy": "deepspeed", "deepspeed_stage": 2, "accelerator": "gpu"}, 600 * (4 + 4 / 4 + 8 / 4)),
        ({"strategy": "ddp"}, STATES),
    ],
)
def test_what_ranks_share_is_divided_by_them(keys, states):
    assert memory(devices=4, **keys) == states + ACTIVATIONS


def test_disk_holds_best_last_checkpoint_and_vectors():
    kind = Kind(600, "bf16-mixed")
    assert disk_bytes(SIZE, kind, passages=7, vectors=2, vector_bytes=4) == 600 * 4 * 5 + 7 * 2 * 10 * 4
    lora = Kind(100, "bf16-mixed")
    assert disk_bytes(SIZE, lora, passages=0, vectors=2, vector_bytes=4) == 600 * 4 * 3 + 100 * 4 * 2
