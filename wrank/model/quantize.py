"""Weights in 4 bits, so that a model of billions of weights is adapted on one GPU (QLoRA, arXiv 2305.14314).

NF4: each block of 64 weights is stored as one number and 4 bits a weight, quantiles of a normal distribution; the
blocks' numbers are quantised once more. Products are computed in bfloat16. By the library bitsandbytes, on a GPU.
"""

import importlib.util
from typing import Any

import torch
from torch import Tensor, nn

from wrank.errors import WrankError

QUANTIZATIONS = ("nf4",)


def check_quantize(how: str | None, source: str | None = None) -> None:
    """Refuses what cannot be done here, before anything is loaded.

    Args:
        how: ``nf4``, or None for weights as they are.
        source: the model, when it is named.

    Raises:
        WrankError: another name, weights that come from no file, no GPU, no bitsandbytes.
    """
    if how is None:
        return
    if how not in QUANTIZATIONS:
        raise WrankError(f"model.quantize={how!r}: give null or {', '.join(QUANTIZATIONS)}.")
    if source is not None and source.startswith("random:"):
        raise WrankError(f"model.quantize={how} with {source}: weights are quantised as they are read from a file.")
    if not torch.cuda.is_available():
        raise WrankError(
            f"model.quantize={how} needs a CUDA GPU, and torch sees none here: use model.quantize=null (LoRA works on "
            "any device), or check `nvidia-smi`."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise WrankError(f"model.quantize={how} needs the package bitsandbytes: pip install 'wrank[quantize]'.")


def loading_arguments(how: str | None) -> dict[str, Any]:
    """What to pass to ``from_pretrained``.

    Args:
        how: see `check_quantize`.
    """
    if how is None:
        return {}
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=how,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    device = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    return {"quantization_config": config, "device_map": {"": device}}


def is_quantized(transformer: nn.Module) -> bool:
    """Whether some weights are in 4 bits."""
    return any(type(module).__name__ == "Linear4bit" for module in transformer.modules())


def plain_weight(layer: nn.Module) -> Tensor:
    """A linear layer's weight as numbers, also where it is kept in 4 bits."""
    weight: Any = layer.weight
    if type(layer).__name__ != "Linear4bit":
        return weight
    from bitsandbytes.functional import dequantize_4bit

    found: Tensor = dequantize_4bit(weight.data, weight.quant_state)
    return found
