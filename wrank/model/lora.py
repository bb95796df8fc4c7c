"""Low-rank adaptation: the weights stay as they are, and a product of two thin matrices is learned beside some of them.

LoRA (Hu et al., arXiv 2106.09685): a layer gives ``W x + (alpha / rank) B A x`` with A of ``rank`` rows, B of ``rank``
columns; B starts at 0, so that training starts from the model as it was. QLoRA (Dettmers et al., arXiv 2305.14314):
the same over weights kept in 4 bits (see ``wrank.model.quantize``). What is written to disk is an ordinary model with
the weights ``W + (alpha / rank) B A``.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from wrank.errors import WrankError
from wrank.model.quantize import is_quantized, plain_weight
from wrank.model.tiny import seeded
from wrank.quiet import quiet

_ADAPTER = "default"


@dataclasses.dataclass(frozen=True)
class Lora:
    """The keys of ``model.lora``.

    Attributes:
        rank: rows of A and columns of B, from 1.
        alpha: the product is multiplied by alpha / rank; above 0.
        dropout: of what A reads, 0 to below 1.
        targets: names (or ends of names) of linear layers; None: every linear layer of the transformer.

    Raises:
        WrankError: a value out of its range.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 1:
            raise WrankError(f"model.lora.rank={self.rank!r}: give a whole number from 1 up.")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, int | float) or not 0 < self.alpha < float("inf"):
            raise WrankError(f"model.lora.alpha={self.alpha!r}: give a number above 0.")
        if isinstance(self.dropout, bool) or not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise WrankError(f"model.lora.dropout={self.dropout!r}: give a probability from 0 to below 1.")
        named = self.targets is None or (self.targets and all(isinstance(name, str) and name for name in self.targets))
        if not named:
            raise WrankError(f"model.lora.targets={self.targets!r}: give names of linear layers, or null for all.")

    def identity(self, seed: int) -> dict[str, Any]:
        """What can change a training.

        Args:
            seed: decides A, which a fingerprint does not see while B is 0.
        """
        targets = None if self.targets is None else sorted(self.targets)
        return dataclasses.asdict(self) | {"targets": targets, "seed": seed}


def read_lora(given: Mapping[str, Any] | None) -> Lora | None:
    """``model.lora`` as settings.

    Args:
        given: rank, alpha, dropout, targets, each of which may be left out; None: no LoRA.

    Raises:
        WrankError: another key, or a value out of its range.
    """
    if given is None:
        return None
    known = [field.name for field in dataclasses.fields(Lora)]
    if not isinstance(given, Mapping) or (unknown := [key for key in given if key not in known]):
        what = f"{unknown[0]}: no such key" if isinstance(given, Mapping) else repr(given)
        raise WrankError(f"model.lora.{what}; wanted null, or some of {', '.join(known)}")
    targets = given.get("targets")
    if isinstance(targets, str):
        targets = [targets]
    if targets is not None and not isinstance(targets, list | tuple):
        raise WrankError(f"model.lora.targets={targets!r}: give names of linear layers, or null for all.")
    return Lora(**{**given, "targets": None if targets is None else tuple(targets)})


def add_lora(transformer: PreTrainedModel, lora: Lora, seed: int) -> None:
    """Puts A and B beside the chosen layers, in place, and freezes every other weight.

    Args:
        transformer: what is adapted.
        lora: where, and how.
        seed: decides A; B is 0.

    Raises:
        WrankError: no layer of these names, or one that LoRA cannot be put beside.
    """
    from peft import LoraConfig, inject_adapter_in_model

    linear = linear_layers(transformer)
    targets = list(linear) if lora.targets is None else list(lora.targets)
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            ends = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise WrankError(f"model.lora.targets: there is no linear layer {target!r}; this model has {ends}.")
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # which takes any number
        lora_dropout=lora.dropout,
        target_modules=targets,
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in linear.values()),  # GPT-2's
        bias="none",
    )
    with quiet(), seeded(seed):
        inject_adapter_in_model(config, transformer, adapter_name=_ADAPTER)
    for name, weight in transformer.named_parameters():
        weight.requires_grad_("lora_" in name)


def linear_layers(transformer: PreTrainedModel) -> dict[str, nn.Module]:
    """The encoder's linear layers by their names; not those of a head, nor of BERT's pooling layer."""
    head, prefix = transformer.base_model is not transformer, f"{transformer.base_model_prefix}."
    return {
        name: module
        for name, module in transformer.named_modules()
        if (isinstance(module, nn.Linear) or type(module).__name__ in ("Conv1D", "Linear4bit"))
        and (not head or name.startswith(prefix))
        and ".pooler." not in f".{name}."
    }


def is_adapted(transformer: nn.Module) -> bool:
    """Whether LoRA's matrices stand beside some of the weights."""
    return any("lora_A" in name for name, _ in transformer.named_modules())


def merged_state(transformer: PreTrainedModel) -> dict[str, Tensor]:
    """The weights of the plain model that gives the same vectors: LoRA added in, 4-bit weights as numbers.

    A weight beside which B is still 0 is the very same tensor. One that something is added to is float32 whatever it
    was: in bfloat16, with 8 bits of a number, most of what is added would be rounded away.
    """
    state: dict[str, Tensor] = transformer.state_dict()
    if not is_adapted(transformer) and not is_quantized(transformer):
        return state
    for name, module in transformer.named_modules():
        adapted = hasattr(module, "lora_A") and hasattr(module, "get_delta_weight")
        base = module.get_base_layer() if adapted else module
        if not adapted and type(base).__name__ != "Linear4bit":
            continue
        if not adapted and name.endswith(".base_layer"):
            continue
        for key in [key for key in state if key.startswith(f"{name}.")]:
            del state[key]
        weight = plain_weight(base)
        if adapted:
            delta = module.get_delta_weight(_ADAPTER).to(weight.device)
            weight = weight.float() + delta.float() if bool(delta.any()) else weight
        state[f"{name}.weight"] = weight.detach()
        if getattr(base, "bias", None) is not None:
            state[f"{name}.bias"] = base.bias.detach()
    return state


def plain_model(transformer: PreTrainedModel) -> tuple[PreTrainedModel, dict[str, Any]]:
    """What is written to disk: a model, and what to pass to its ``save_pretrained``.

    Returns:
        The model itself and nothing, where nothing is to be merged. Else a model of the same class without LoRA and
        quantisation, whose own weights take no memory and mean nothing; and the merged weights as ``state_dict``.
    """
    if not is_adapted(transformer) and not is_quantized(transformer):
        return transformer, {}
    config = copy.deepcopy(transformer.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"), quiet():
        plain = type(transformer)(config, **_without_pooler(transformer))
    merged = {name: weight.cpu().contiguous() for name, weight in merged_state(transformer).items()}
    return plain, {"state_dict": merged}


def _without_pooler(transformer: PreTrainedModel) -> dict[str, bool]:
    from wrank.model.loading import without_pooling_layer

    alone = transformer.base_model is transformer
    return without_pooling_layer(transformer.config) if alone else {}
