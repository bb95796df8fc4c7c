"""What every kind of model does for a training: keys that are checked, activations that are recomputed."""

from collections.abc import Iterable
from typing import Any

from transformers import PreTrainedModel

from wrank.errors import WrankError


def check_training(dropout: float | None, learning_rate: float) -> None:
    """Refuses values that no training can have.

    Raises:
        WrankError: a dropout probability that is none, a learning rate that is not above 0.
    """
    if dropout is not None and not (is_number(dropout) and 0 <= dropout < 1):
        raise WrankError(f"model.dropout={dropout!r}: give a probability from 0 to below 1, or null.")
    if not (is_number(learning_rate) and 0 < learning_rate < float("inf")):
        raise WrankError(f"model.learning_rate={learning_rate!r}: give a number above 0.")


def is_number(value: Any) -> bool:
    """Whether a key's value is a number (true and false are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def checkpoint_gradients(transformers: Iterable[PreTrainedModel], source: str) -> None:
    """Recomputes activations in the backward pass: less memory, more time.

    Raises:
        WrankError: an architecture that cannot.
    """
    for transformer in transformers:
        if not transformer.supports_gradient_checkpointing:
            raise WrankError(f"model.gradient_checkpointing=true, but {source} does not support it.")
        # transformers renamed it in the course of 5.x; both use the non-reentrant form of torch
        if hasattr(transformer, "activation_checkpointing_enable"):
            transformer.activation_checkpointing_enable()
        else:
            transformer.gradient_checkpointing_enable({"use_reentrant": False})


def dropout_of(transformer: PreTrainedModel) -> dict[str, Any]:
    """The dropout probabilities of a model's config, by their names."""
    config = transformer.config.to_dict()
    return {key: value for key, value in config.items() if "drop" in key and isinstance(value, int | float)}
