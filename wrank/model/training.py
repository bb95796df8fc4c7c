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
    if dropout is not None and not 0 <= dropout < 1:
        raise WrankError(f"model.dropout={dropout}: give a probability from 0 to below 1, or null.")
    if learning_rate <= 0:
        raise WrankError(f"model.learning_rate={learning_rate}: give a number above 0.")


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
