"""What Lightning is given for trainer.strategy, and what a strategy refuses."""

import pytest
import torch

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.training.settings import TrainerSettings
from wrank.training.sharding import ShardedStrategy, blocks_of
from wrank.training.strategy import check_strategy, deepspeed_config, gradient_callbacks, make_strategy


def test_strategies_of_our_own_are_names():
    assert make_strategy(TrainerSettings()) == "auto"
    assert make_strategy(TrainerSettings(devices=2)) == "ddp_spawn"
    assert make_strategy(TrainerSettings(devices=2, strategy="ddp_fork")) == "ddp_fork"
    assert make_strategy(TrainerSettings(devices=2, strategy="ddp")) == "ddp"
    assert make_strategy(TrainerSettings(strategy="ddp")) == "auto"


def test_fsdp2_shares_out_over_all_ranks_and_clips_itself():
    settings = TrainerSettings(devices=4, nodes=2, strategy="fsdp2", clip=0.5)
    strategy = make_strategy(settings)
    assert isinstance(strategy, ShardedStrategy)
    assert (strategy._data_parallel_size, strategy._tensor_parallel_size) == (8, 1)
    assert [callback.clip for callback in gradient_callbacks(settings)] == [0.5]
    assert gradient_callbacks(TrainerSettings()) == []


@pytest.mark.parametrize("stage", [1, 2])
def test_deepspeeds_configuration_holds_the_stage(stage):
    """Not run here: the package is for GPUs."""
    config = deepspeed_config(TrainerSettings(strategy="deepspeed", deepspeed_stage=stage, devices=2, batch_size=7))
    assert config["zero_optimization"]["stage"] == stage
    assert config["train_micro_batch_size_per_gpu"] == 7
    assert config["zero_allow_untested_optimizer"]


def test_blocks_are_the_transformers_layers():
    transformer = BiEncoder("random:tiny").encoder.transformer
    assert blocks_of(transformer) == list(transformer.encoder.layer)
    with pytest.raises(WrankError, match="Linear has no list of blocks"):
        blocks_of(torch.nn.Linear(2, 2))


def test_what_fsdp2_cannot_train_is_refused():
    settings = TrainerSettings(devices=2, strategy="fsdp2")
    check_strategy(settings, BiEncoder, frozen=False, rounds=False)
    with pytest.raises(WrankError, match="rounds"):
        check_strategy(settings, BiEncoder, frozen=False, rounds=True)
    with pytest.raises(WrankError, match="not Linear"):
        check_strategy(settings, torch.nn.Linear, frozen=False, rounds=False)
    with pytest.raises(WrankError, match="frozen"):
        check_strategy(settings, BiEncoder, frozen=True, rounds=False)
