"""Texts to vectors: sorted by length, batched by a budget of tokens, in bounded memory.

Shapes: N texts, D embedding size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.settings import PRECISIONS, Precision

Role = Literal["query", "passage"]
_TEXTS_AT_ONCE = 16_384  # tokenised and sorted together; bounds memory


class Encoder(Protocol):
    """What encoding needs of a model; `wrank.model.bi_encoder.BiEncoder` has it."""

    training: bool

    @property
    def dimension(self) -> int:
        """Size D of a vector."""

    def tokenize(self, texts: Sequence[str], role: Role) -> list[list[int]]:
        """Token ids a text, cut at the role's length."""

    def embed(self, token_ids: list[list[int]], role: Role) -> Tensor:
        """Vectors [N, D], float32, in the order given."""

    def count_truncated(self, token_ids: list[list[int]], role: Role) -> int:
        """How many token lists fill the role's length."""

    def train(self, mode: bool = True) -> object:
        """Sets the training mode."""

    def to(self, device: str) -> object:
        """Moves the parameters."""


class Texts(Protocol):
    """N texts, read a slice at a time: a list, or a view of a table on disk."""

    def __len__(self) -> int:
        """Number of texts."""

    def __getitem__(self, rows: slice, /) -> Sequence[str]:
        """The texts of a slice."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors of texts.

    Attributes:
        vectors_ND: float32, row i is text i.
        truncated: how many texts fill the model's length limit, so that they were cut (or fit exactly).
    """

    vectors_ND: np.ndarray
    truncated: int


def encode(
    model: Encoder,
    texts: Texts,
    role: Role,
    *,
    batch_tokens: int = 4096,
    precision: Precision = "float32",
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Encoded:
    """Encodes texts without gradients; the model's training mode is restored afterwards.

    Args:
        model: a bi-encoder.
        texts: N texts, read a slice at a time.
        role: ``query`` or ``passage``: decides the prompt and the length limit.
        batch_tokens: tokens a batch, padding included; a longer text makes a batch of its own.
        precision: ``float32``, or ``bfloat16``: products inside the encoder in bfloat16.
        device: where to run, e.g. ``cpu`` or ``cuda``; the model is moved there and stays.
        progress: called with the number of texts just finished.

    Returns:
        float32 vectors in the order of the texts, and how many texts were cut.

    Raises:
        WrankError: a vector with NaN or infinity (names the first text), an unknown precision, batch_tokens below 1.
    """
    if precision not in PRECISIONS:
        raise WrankError(f"encode: precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    if batch_tokens < 1:
        raise WrankError(f"encode: batch_tokens is {batch_tokens}; it must be at least 1")
    vectors_ND = np.empty((len(texts), model.dimension), dtype=np.float32)
    truncated = 0
    was_training = model.training
    model.to(device)
    model.train(False)
    try:
        # stated for float32 too: a training around this call may have switched autocast on
        autocast = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.inference_mode(), autocast:
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                block = texts[start : start + _TEXTS_AT_ONCE]
                token_ids = model.tokenize(block, role)
                truncated += model.count_truncated(token_ids, role)
                for rows in _batches([len(ids) for ids in token_ids], batch_tokens):
                    vectors = model.embed([token_ids[row] for row in rows], role)
                    vectors_ND[start + rows] = vectors.cpu().numpy()
                    if progress is not None:
                        progress(len(rows))
                _check_finite(vectors_ND[start : start + len(block)], start, block, role)
    finally:
        model.train(was_training)
    return Encoded(vectors_ND, truncated)


def _batches(lengths: list[int], batch_tokens: int) -> Iterator[np.ndarray]:
    """Rows of texts a batch, longest first, each batch within the budget when padded to its longest text."""
    rows = np.argsort(-np.asarray(lengths), kind="stable")
    start = 0
    while start < len(rows):
        size = max(1, batch_tokens // max(1, lengths[rows[start]]))
        yield rows[start : start + size]
        start += size


def _check_finite(vectors: np.ndarray, start: int, texts: Sequence[str], role: Role) -> None:
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        text = texts[int(bad[0])]
        raise WrankError(
            f"encode: the vector of {role} number {start + bad[0] + 1} ({text[:60]!r}) holds NaN or infinity "
            f"({len(bad)} such among {len(texts)} texts); the model's weights are broken: train with a lower learning "
            "rate, or try evaluation.precision=float32"
        )
