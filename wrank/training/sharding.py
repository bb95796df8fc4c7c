"""FSDP2: weights, gradients and AdamW's state shared out over the ranks, a transformer block at a time.

Each pass through a block gathers its weights and puts them away again, so every rank must make the same passes: ranks
with fewer chunks of texts make empty ones (`Encoder.passes`). Gradients are averaged over ranks as DDP does, so all
that `wrank.training.gather` says holds here too.

Source: PyTorch's ``fully_shard``; Zhao et al. 2023, "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel"
(arXiv 2304.11277).
"""

import copy
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.encoder import Encoder


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, with the model shared out here and checkpoints in one file."""

    def __init__(self, ranks: int) -> None:
        super().__init__(data_parallel_size=ranks, tensor_parallel_size=1, save_distributed_checkpoint=False)
        self.spare: list[Any] = []

    def setup(self, trainer: pl.Trainer) -> None:
        """Shares the model out; rank 0 keeps a whole copy on the processor, into which weights are gathered."""
        assert self.lightning_module is not None
        model = self.lightning_module.model
        assert isinstance(model, BiEncoder)
        if trainer.is_global_zero:
            self.spare = [copy.deepcopy(model)]
        self.lightning_module.to(self.root_device)
        for tower in dict.fromkeys((model.tower("passage"), model.tower("query"))):
            shard(tower, self.device_mesh["data_parallel"])
        super().setup(trainer)

    def whole(self, model: Any) -> Any:
        """All weights as they are now, in a plain copy of the model on rank 0; every rank must call it.

        Returns:
            On rank 0 the copy, on the device of training; elsewhere the model as it is.
        """
        state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
        if not self.spare:
            return model
        self.spare[0].load_state_dict(state)
        self.spare[0].settings = model.settings  # a temperature that moves is no weight
        return self.spare[0].to(self.root_device)

    def put_away(self) -> None:
        """Frees the device of the whole copy."""
        for spare in self.spare:
            spare.to("cpu")


def shard(tower: Encoder, mesh: Any) -> None:
    """Shares out a tower's weights, a block at a time, the rest with the transformer.

    Args:
        tower: on its device already.
        mesh: one dimension, the ranks.

    Raises:
        WrankError: the transformer has no list of blocks.
    """
    for block in blocks_of(tower.transformer):
        fully_shard(block, mesh=mesh)
    fully_shard(tower.transformer, mesh=mesh)
    tower.passes = most_over_ranks


def blocks_of(transformer: nn.Module) -> list[nn.Module]:
    """The transformer's blocks: its longest list of modules of one class.

    Raises:
        WrankError: it has none.
    """
    lists = [
        list(module)
        for module in transformer.modules()
        if isinstance(module, nn.ModuleList) and len({type(item) for item in module}) == 1
    ]
    if not lists:
        raise WrankError(
            f"trainer.strategy=fsdp2: {type(transformer).__name__} has no list of blocks; use a ddp strategy"
        )
    return max(lists, key=len)


def most_over_ranks(count: int) -> int:
    """The largest of the ranks' counts."""
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else "cpu"
    most = torch.tensor(count, device=device)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    return int(most)


class ShardedGradients(pl.Callback):
    """Before an optimizer step: what is not shared out gets the mean gradient of the ranks, and all are clipped.

    Single numbers (a learnt temperature, a scale) cannot be shared out, and torch's own clipping takes either kind of
    tensor but not both.

    Args:
        clip: largest norm of the gradient; None = no clipping.
    """

    def __init__(self, clip: float | None) -> None:
        self.clip = clip

    @torch.no_grad()
    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        """Averages and clips."""
        plain: list[Tensor] = []
        parts: list[Tensor] = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shared = isinstance(parameter.grad, DTensor)
                    (parts if shared else plain).append(parameter.grad.to_local() if shared else parameter.grad)
        for gradient in plain:
            dist.all_reduce(gradient)
            gradient /= dist.get_world_size()
        if self.clip is None:
            return
        square = torch.stack([part.float().square().sum() for part in parts]).sum()
        dist.all_reduce(square)
        for gradient in plain:
            square += gradient.float().square().sum()
        factor = (self.clip / (square.sqrt() + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_ has it
        for gradient in (*plain, *parts):
            gradient.mul_(factor.to(gradient.dtype))
