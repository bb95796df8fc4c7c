"""Vectors that can be cut: the sizes at which a training computes its loss.

Matryoshka representation learning (Kusupati et al., arXiv 2205.13147): the loss is the weighted sum of the losses of
the first d numbers of every vector, for a few d. Afterwards a vector may be cut to any of these d, and in between.
"""

from collections.abc import Sequence

from wrank.errors import WrankError
from wrank.model.training import is_number

HALVES = "halves"


def read_matryoshka(sizes: Sequence[int] | str, weights: Sequence[float] | None, dimension: int) -> dict[int, float]:
    """``model.matryoshka`` and its weights as size -> weight, the largest size first.

    Args:
        sizes: numbers of a vector that are kept; ``halves``: D, D/2, D/4 and D/8, those that are whole and 8 or more.
        weights: of the sizes, in their order; None: 1 each.
        dimension: numbers D of a whole vector.

    Returns:
        Empty when there is nothing to do.

    Raises:
        WrankError: a size that the vector does not have or that comes twice, D not among them, a wrong weight.
    """
    if sizes is not None and not isinstance(sizes, str | list | tuple):
        raise WrankError(f"model.matryoshka={sizes!r}: give a list of sizes, or {HALVES}.")
    if weights is not None and not isinstance(weights, list | tuple):
        raise WrankError(f"model.matryoshka_weights={weights!r}: give a list with a number for each size, or null.")
    if not sizes:
        if weights:
            raise WrankError("model.matryoshka_weights without model.matryoshka: name the sizes that they weight.")
        return {}
    if isinstance(sizes, str):
        if sizes != HALVES:
            raise WrankError(f"model.matryoshka={sizes!r}: give a list of sizes, or {HALVES}.")
        sizes = [dimension // part for part in (1, 2, 4, 8) if dimension % part == 0 and dimension // part >= 8]
        sizes = sizes or [dimension]
    right = [isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= dimension for size in sizes]
    if not all(right) or len(set(sizes)) < len(sizes):
        raise WrankError(
            f"model.matryoshka={list(sizes)}: give different whole numbers from 1 to {dimension}, the size of a vector."
        )
    if dimension not in sizes:
        raise WrankError(
            f"model.matryoshka={list(sizes)} leaves out {dimension}, the size of a whole vector, which would then not "
            f"be trained: add it, or set model.dimensions={max(sizes)}."
        )
    weights = [1.0] * len(sizes) if weights is None else list(weights)
    if len(weights) != len(sizes) or not all(is_number(weight) and 0 < weight < float("inf") for weight in weights):
        raise WrankError(
            f"model.matryoshka_weights={weights}: give a number above 0 for each of {list(sizes)}, or null."
        )
    return dict(sorted(zip(sizes, map(float, weights), strict=True), reverse=True))
