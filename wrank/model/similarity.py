"""How alike two vectors are.

Shapes: Q queries, N passages, D embedding size.
"""

import torch
from torch import Tensor
from torch.nn import functional

from wrank.errors import WrankError

SIMILARITIES = ("cosine", "dot")


def check_similarity(name: str) -> str:
    """Return ``name`` if it is one of ``SIMILARITIES``.

    Raises:
        WrankError: another name.
    """
    if name not in SIMILARITIES:
        raise WrankError(f"model.similarity={name!r} is not known: give one of {', '.join(SIMILARITIES)}.")
    return name


def similarity(queries_QD: Tensor, passages_ND: Tensor, how: str) -> Tensor:
    """Similarity of every query with every passage, in float32, outside autocast.

    Args:
        queries_QD: query vectors.
        passages_ND: passage vectors.
        how: ``dot``: q . p; ``cosine``: q . p / (|q| |p|).

    Returns:
        [Q, N], float32.

    Raises:
        WrankError: ``how`` is none of ``SIMILARITIES``.
    """
    check_similarity(how)
    with torch.autocast(queries_QD.device.type, enabled=False):
        queries_QD, passages_ND = queries_QD.float(), passages_ND.float()
        if how == "cosine":
            queries_QD = functional.normalize(queries_QD, dim=-1)
            passages_ND = functional.normalize(passages_ND, dim=-1)
        return queries_QD @ passages_ND.T
