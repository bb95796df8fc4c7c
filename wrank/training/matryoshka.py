"""The loss at several sizes of the vectors.

Matryoshka representation learning (Kusupati et al., arXiv 2205.13147): sum over d of w_d * loss(first d numbers of
every vector), each cut vector of length 1 again where the whole ones are.

Shapes: D embedding size, d one of the sizes.
"""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

from wrank.loss.base import LossOutput

Computed = tuple[LossOutput, dict[str, float]]
"""A loss, and facts to be logged."""


def over_sizes(
    sizes: Mapping[int, float], normalize: bool, compute: Callable[..., Computed], *vectors: Tensor | None
) -> Computed:
    """Computes a loss at every size, and adds.

    Args:
        sizes: size -> weight; empty: at the whole vectors alone.
        normalize: whether vectors have length 1.
        compute: embeddings -> loss and facts.
        vectors: embeddings [..., D], handed to ``compute`` in this order; None stays None.

    Returns:
        The weighted sum; its parts are those of the largest size, and ``loss_d`` of each size. Facts are those of the
        largest size.
    """
    if not sizes:
        return compute(*vectors)
    total: Tensor | None = None
    parts: dict[str, Tensor] = {}
    facts: dict[str, float] = {}
    for size, weight in sorted(sizes.items(), reverse=True):
        output, found = compute(*(None if one is None else cut(one, size, normalize) for one in vectors))
        total = weight * output.loss if total is None else total + weight * output.loss
        parts, facts = {**output.parts, **parts}, {**found, **facts}
        parts[f"loss_{size}"] = output.loss.detach()
    assert total is not None
    return LossOutput(total, parts), facts


def cut(vectors: Tensor, size: int, normalize: bool) -> Tensor:
    """The first numbers of each vector [..., d], of length 1 again if the whole ones are."""
    first = vectors[..., :size]
    return functional.normalize(first, dim=-1) if normalize else first
