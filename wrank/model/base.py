"""What a training, and the stages around it, need of a model, whatever kind it is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn


class Trainable(Protocol):
    """A model that can be trained, kept and told apart; `BiEncoder` and `CrossEncoder` are such.

    Attributes:
        source: what the model was made from, as given.
        learning_rate: what the trainer should use for it unless told otherwise.
        license_id: licence of the weights, where the source names one.
    """

    source: str
    learning_rate: float
    license_id: str | None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    @property
    def temperature(self) -> float:
        """What scores are divided by, as it is now."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Every weight."""

    def train(self, mode: bool = True) -> Any:
        """Sets the training mode."""

    def to(self, device: str) -> Any:
        """Moves the weights."""

    def fingerprint(self) -> str:
        """SHA-256 (hex) over everything that changes an embedding or a score."""

    def identity(self) -> dict[str, Any]:
        """What can change a training of this model beside its fingerprint."""

    def save(
        self,
        folder: Path | str,
        scores: Mapping[str, float] | None = None,
        base: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Writes the model as a folder that sentence-transformers loads."""
