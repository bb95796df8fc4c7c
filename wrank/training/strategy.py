"""How several processes work together: Lightning's strategy for ``trainer.strategy``."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.plugins.environments import ClusterEnvironment, LightningEnvironment
from pytorch_lightning.strategies import Strategy

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.training.launch import LaunchedEnvironment, launched_place
from wrank.training.settings import TrainerSettings


def check_strategy(settings: TrainerSettings, kind: type, *, frozen: bool, rounds: bool) -> None:
    """Refuses what the strategy cannot train.

    Args:
        settings: the trainer's keys.
        kind: class of what is trained.
        frozen: whether some of its weights are not trained.
        rounds: whether the training has several rounds, or a moving average of its weights.

    Raises:
        WrankError: what it is, and what would do.
    """
    where = f"trainer.strategy={settings.strategy}"
    if settings.strategy == "fsdp2" and not issubclass(kind, BiEncoder):
        raise WrankError(f"{where} trains bi-encoders, not {kind.__name__}: use a ddp strategy")
    if settings.strategy == "fsdp2" and frozen:
        raise WrankError(f"{where} trains all weights, and some are frozen (model.lora): use a ddp strategy")
    if settings.strategy in ("fsdp2", "deepspeed") and rounds:
        raise WrankError(f"{where} with rounds of training: their state is kept whole; use a ddp strategy")


def make_strategy(settings: TrainerSettings) -> str | Strategy:
    """What Lightning's ``Trainer(strategy=...)`` takes."""
    if settings.strategy == "fsdp2":
        from wrank.training.sharding import ShardedStrategy

        return ShardedStrategy(settings.world_size)
    if settings.strategy == "deepspeed":
        from pytorch_lightning.strategies import DeepSpeedStrategy

        return DeepSpeedStrategy(config=deepspeed_config(settings))
    return settings.resolved_strategy()


def make_environment(settings: TrainerSettings) -> ClusterEnvironment:
    """Who the ranks are: a launcher's, or those spawned here, also inside a Slurm job."""
    place = launched_place()
    return LaunchedEnvironment(place) if settings.launched and place else LightningEnvironment()


def gradient_callbacks(settings: TrainerSettings) -> list[pl.Callback]:
    """What the strategy must do with gradients before a step that Lightning does not."""
    if settings.strategy != "fsdp2":
        return []
    from wrank.training.sharding import ShardedGradients

    return [ShardedGradients(settings.clip)]


def deepspeed_config(settings: TrainerSettings) -> dict[str, Any]:
    """DeepSpeed's configuration: ZeRO (Rajbhandari et al. 2020, arXiv 1910.02054), all else as the trainer's keys say.

    Accumulation, clipping and precision are added by Lightning from its own arguments.
    """
    return {
        "zero_optimization": {"stage": settings.deepspeed_stage, "overlap_comm": True, "contiguous_gradients": True},
        "zero_allow_untested_optimizer": True,
        "train_micro_batch_size_per_gpu": settings.batch_size,
    }
