"""Batches of all ranks as one, with the gradient going back to where each row came from.

With DDP, which averages parameter gradients over W ranks: every rank computes the same loss over the joined batch, the
backward of the gather sums W equal gradients, the average divides by W. So each parameter receives the gradient of one
process that held the joined batch.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def is_distributed() -> bool:
    """Whether more than one process trains."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of all ranks, in rank order; differentiable for floating rows.

    Args:
        rows: [n, ...], the same shape on every rank.

    Returns:
        [W * n, ...]
    """
    if not is_distributed():
        return rows
    if rows.requires_grad:
        return _Gather.apply(rows)
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def widen(rows: Tensor, fill: float) -> Tensor:
    """Pads the second dimension to the largest over the ranks, so that ragged rows can be gathered.

    Args:
        rows: [n, width, ...]; the width may differ between ranks.
        fill: the padding's value.
    """
    if not is_distributed():
        return rows
    width = torch.tensor(rows.shape[1], device=rows.device)
    dist.all_reduce(width, op=dist.ReduceOp.MAX)
    padding = [0, 0] * (rows.ndim - 2) + [0, int(width) - rows.shape[1]]
    return torch.nn.functional.pad(rows, padding, value=fill)


class _Gather(torch.autograd.Function):
    """Concatenates over ranks; backward sums every rank's gradient of this rank's rows."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]
