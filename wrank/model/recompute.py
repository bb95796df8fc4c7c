"""Forward passes that keep their result only, and run once more when the gradient is wanted.

So the memory of a batch is that of one chunk: GradCache (Gao, Zhang, Han, Callan 2021, "Scaling Deep Contrastive
Learning Batch Size under Memory Limited Setup", arXiv 2101.06983). The published form has three steps: all embeddings
without a graph, the loss' gradient in the embeddings, then chunk by chunk forward again and backward with that
gradient. Here autograd takes the same steps: `torch.utils.checkpoint` keeps a chunk's inputs, and the backward pass
reaches one chunk after the other. So it is one graph and one backward call, which DDP's and FSDP's hooks, a gather over
ranks and an accumulation of batches see as they see any other.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def recomputed(forward: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
    """``forward(*tensors)`` without its activations; the backward pass computes them again.

    The second pass draws what the first one drew: torch's random state is put back, the processor's and that of each
    GPU on which one of the tensors is, and so is autocast. Value and gradient are those of the plain call.

    Args:
        forward: a function of tensors and of weights; no other state may change between the two passes.
        tensors: its inputs, which are kept; at least one is on the device that the function draws random numbers on.

    Returns:
        What ``forward`` returns. Without gradients wanted it is just called.
    """
    if not torch.is_grad_enabled():
        return forward(*tensors)
    # The second pass runs to its end: hooks behind a module (FSDP puts its weights away there) must be called.
    result: Tensor = checkpoint(forward, *tensors, use_reentrant=False, preserve_rng_state=True, early_stop=False)
    return result


def recomputed_apart(forward: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
    """The same with a graph of its own for each call, whose backward pass runs within the outer one.

    For weights that are shared out over ranks (FSDP2) and gathered in each pass: hooks on a pass of the outer graph do
    not bear another pass in between. DDP, which wants each weight's gradient once in a backward pass, needs the plain
    form.
    """
    if not torch.is_grad_enabled():
        return forward(*tensors)
    hook = torch.ones((), requires_grad=True)  # what makes autograd call backward: no tensor needs a gradient
    result: Tensor = _Apart.apply(forward, hook, *tensors)
    return result


class _Apart(torch.autograd.Function):
    """Runs without a graph, and in the backward pass once more with one."""

    @staticmethod
    def forward(ctx: Any, forward: Callable[..., Tensor], hook: Tensor, *tensors: Tensor | None) -> Tensor:
        ctx.forward, ctx.tensors = forward, tensors
        devices = {tensor.device for tensor in tensors if tensor is not None}
        ctx.gpus = sorted(device.index for device in devices if device.type == "cuda")
        kinds = {"cpu", *(device.type for device in devices)}
        ctx.autocast = [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds]
        ctx.drawn = torch.get_rng_state(), [torch.cuda.get_rng_state(gpu) for gpu in ctx.gpus]
        with torch.no_grad():
            return forward(*tensors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, ...]:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=ctx.gpus))
            torch.set_rng_state(ctx.drawn[0])
            for gpu, state in zip(ctx.gpus, ctx.drawn[1], strict=True):
                torch.cuda.set_rng_state(state, gpu)
            for kind, enabled, dtype in ctx.autocast:
                stack.enter_context(torch.autocast(kind, dtype=dtype, enabled=enabled))
            stack.enter_context(torch.enable_grad())
            result = ctx.forward(*ctx.tensors)
        result.backward(gradient)
        return (None, None, *(None for _ in ctx.tensors))
