"""Texts to vectors: sorted by length, batched by a budget of tokens, in bounded memory.

Shapes: N texts, D embedding size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.settings import PRECISIONS, Precision
from wrank.evaluation.vectors import SHARD_ROWS

Role = Literal["query", "passage"]


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
    vectors_ND = np.empty((len(texts), model.dimension), dtype=np.float32)
    truncated = 0
    with encoding(model, precision, device):
        blocks = (texts[start : start + SHARD_ROWS] for start in range(0, len(texts), SHARD_ROWS))
        for number, block in enumerate(encode_blocks(model, blocks, role, batch_tokens, progress)):
            start = number * SHARD_ROWS
            vectors_ND[start : start + len(block.vectors_ND)] = block.vectors_ND
            truncated += block.truncated
    return Encoded(vectors_ND, truncated)


@contextmanager
def encoding(model: Encoder, precision: Precision, device: str) -> Iterator[None]:
    """The model on its device, without dropout and gradients, in its precision; its training mode comes back after.

    Raises:
        WrankError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise WrankError(f"encode: precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    was_training = model.training
    model.to(device)
    model.train(False)
    try:
        # stated for float32 too: a training around this call may have switched autocast on
        autocast = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.inference_mode(), autocast:
            yield
    finally:
        model.train(was_training)


def encode_blocks(
    model: Encoder,
    blocks: Iterable[Sequence[str]],
    role: Role,
    batch_tokens: int,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Encoded]:
    """Encodes blocks of texts, each sorted and batched by itself; inside `encoding`.

    A block's tokens are made while the block before it is encoded.

    Args:
        model: a bi-encoder.
        blocks: at most `SHARD_ROWS` texts each, for memory's sake.
        role: see `encode`.
        batch_tokens: see `encode`.
        progress: see `encode`.

    Raises:
        WrankError: see `encode`.
    """
    if batch_tokens < 1:
        raise WrankError(f"encode: batch_tokens is {batch_tokens}; it must be at least 1")

    def tokenized(block: Sequence[str]) -> tuple[Sequence[str], list[list[int]]]:
        return block, model.tokenize(block, role)

    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for block in blocks:
            coming = pool.submit(tokenized, block)
            if waiting is not None:
                yield _encoded(model, *waiting.result(), role, batch_tokens, progress)
            waiting = coming
        if waiting is not None:
            yield _encoded(model, *waiting.result(), role, batch_tokens, progress)


def _encoded(
    model: Encoder,
    block: Sequence[str],
    token_ids: list[list[int]],
    role: Role,
    batch_tokens: int,
    progress: Callable[[int], None] | None,
) -> Encoded:
    vectors_ND: Tensor | None = None
    for rows in _batches([len(ids) for ids in token_ids], batch_tokens):
        vectors = model.embed([token_ids[row] for row in rows], role).float()
        if vectors_ND is None:  # on the device, so that a batch need not wait for the copy of the one before it
            vectors_ND = torch.empty((len(block), vectors.shape[1]), device=vectors.device)
        vectors_ND[torch.from_numpy(rows).to(vectors.device)] = vectors
        if progress is not None:
            progress(len(rows))
    if vectors_ND is None:
        return Encoded(np.empty((0, model.dimension), dtype=np.float32), 0)
    found_ND = vectors_ND.cpu().numpy()
    _check_finite(found_ND, block, role)
    return Encoded(found_ND, model.count_truncated(token_ids, role))


def _batches(lengths: list[int], batch_tokens: int) -> Iterator[np.ndarray]:
    """Rows of texts a batch, longest first, each batch within the budget when padded to its longest text."""
    rows = np.argsort(-np.asarray(lengths), kind="stable")
    start = 0
    while start < len(rows):
        size = max(1, batch_tokens // max(1, lengths[rows[start]]))
        yield rows[start : start + size]
        start += size


def _check_finite(vectors: np.ndarray, texts: Sequence[str], role: Role) -> None:
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise WrankError(
            f"encode: the vector of the {role} {texts[int(bad[0])][:60]!r} holds NaN or infinity ({len(bad)} such "
            f"among {len(texts)} texts); the model's weights are broken: train with a lower learning rate, or try "
            "evaluation.precision=float32"
        )
