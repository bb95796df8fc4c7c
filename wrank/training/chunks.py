"""Which texts of a batch are encoded together: little padding, yet no more passes than it is worth.

Each forward and backward pass has a cost of its own (the gradient of the word embeddings alone is as large as they
are), so chunks of short texts hold more texts, and a chunk is split only where that saves enough padding.
"""

from collections.abc import Sequence

FULL_TEXT = 256
"""Tokens that ``trainer.passage_chunk`` counts as one text."""

SPARE = 512
"""Tokens of padding in a chunk that are cheaper than another pass."""


def chunk_sizes(lengths: Sequence[int], chunk: int | None) -> list[int]:
    """How many texts each chunk takes, of the texts sorted by length, longest first.

    Args:
        lengths: tokens of each text, in any order.
        chunk: a chunk holds at most ``chunk * FULL_TEXT`` tokens, padding included; None = all texts in one.

    Returns:
        Sizes, each at least 1; their sum is the number of texts.
    """
    if chunk is None or not lengths:
        return [len(lengths)] if lengths else []
    sizes: list[int] = []
    longest = padding = 0
    for length in sorted(lengths, reverse=True):
        fits = bool(sizes) and longest * (sizes[-1] + 1) <= chunk * FULL_TEXT and padding + longest - length <= SPARE
        if fits:
            sizes[-1] += 1
            padding += longest - length
        else:
            sizes.append(1)
            longest, padding = length, 0
    return sizes


def padding_share(lengths: Sequence[int], sizes: Sequence[int]) -> float:
    """The share of computed tokens that is padding when texts are encoded in these chunks."""
    ordered, start, computed = sorted(lengths, reverse=True), 0, 0
    for size in sizes:
        computed += ordered[start] * size
        start += size
    return 1 - sum(lengths) / computed if computed else 0.0
