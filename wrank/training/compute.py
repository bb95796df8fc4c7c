"""How the transformer is computed: compiled, in bfloat16 throughout, or once more in the backward pass."""

import ctypes
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from wrank.errors import WrankError
from wrank.training.settings import TrainerSettings

_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD


def prepare_model(model: Any, settings: TrainerSettings) -> None:
    """Sets up the model as the trainer's keys say; before ranks are started.

    Args:
        model: what is trained, a torch module.
        settings: the trainer's keys.

    Raises:
        WrankError: a model that cannot.
    """
    if settings.cache_gradients:
        _recompute(model)
    if settings.resolved_precision() == "bf16-true":
        for transformer in transformers_of(model):
            _round(transformer)


def lightning_precision(settings: TrainerSettings) -> str:
    """What Lightning is told; of ``bf16-true`` nothing, since it would round losses and temperatures too."""
    precision = settings.resolved_precision()
    return "32-true" if precision == "bf16-true" else precision


def transformers_of(module: nn.Module) -> Iterator[PreTrainedModel]:
    """The transformers in a module, without those that are parts of another."""
    for child in module.children():
        if isinstance(child, PreTrainedModel):
            yield child
        else:
            yield from transformers_of(child)


def compile_transformers(module: nn.Module) -> None:
    """Has each transformer compiled at its first call, for texts of any length; the weights keep their names."""
    for transformer in transformers_of(module):
        transformer.compile(dynamic=True)


def check_compiler(settings: TrainerSettings) -> None:
    """Refuses ``trainer.compile`` where torch.compile has nothing to compile with.

    Raises:
        WrankError: no C++ compiler, or no Triton for a GPU.
    """
    if not settings.compile:
        return
    names = [os.environ.get("CXX") or "g++", "clang++", "c++"]
    if not any(map(shutil.which, names)):
        raise WrankError(
            f"trainer.compile=true needs a C++ compiler, and none of {', '.join(names)} is here: install one "
            "(apt install g++), name it in CXX, or leave trainer.compile=false"
        )
    if settings.uses_gpu() and importlib.util.find_spec("triton") is None:
        raise WrankError("trainer.compile=true on a GPU needs Triton: pip install triton, or trainer.compile=false")


def give_memory_back(size: int = 1 << 20) -> None:
    """Has blocks of this many bytes and more returned to the system when they are freed.

    glibc otherwise keeps freed blocks of up to 32 MB, in pieces that the next chunk does not fit into: the peak of a
    training with cached gradients grew with the batch although what was in use did not (MiniLM, 16 and 48 queries of 4
    passages of 128 tokens: 2.8 and 3.8 GB; so 1.7 GB both). Nothing happens on other systems.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, size)


def _round(transformer: PreTrainedModel) -> None:
    """Makes a transformer bfloat16, but for its rotary frequencies, and for an adapter's weights beside frozen ones.

    The frequencies are multiplied by positions, and so is their error: 8 bits leave an angle at position 500 wrong by
    up to 1. A step of AdamW is lost on a weight that it changes by less than its last bit; an adapter is small, so its
    weights cost little more (peft casts what goes through them).
    """
    exact = {name: buffer.clone() for name, buffer in transformer.named_buffers() if name.endswith("inv_freq")}
    weights = list(transformer.parameters())
    adapter = [weight for weight in weights if weight.requires_grad]
    whole = [(weight, weight.data) for weight in adapter if len(adapter) < len(weights)]
    nn.Module.to(transformer, torch.bfloat16)
    for weight, data in whole:
        weight.data = data.float()
    for name, buffer in exact.items():
        owner, _, key = name.rpartition(".")
        setattr(transformer.get_submodule(owner), key, buffer)


def _recompute(model: Any) -> None:
    able: list[Any] = [module for module in model.modules() if hasattr(module, "recompute")]
    if not able:
        raise WrankError(f"trainer.cache_gradients=true: a {type(model).__name__} does not take its batch in chunks")
    for module in able:
        module.recompute = True
