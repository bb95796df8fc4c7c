"""From token states to one vector a text.

Shapes: N texts, T tokens (padded), H hidden size.
"""

import torch
from torch import Tensor

from wrank.errors import WrankError

POOLINGS = ("mean", "cls", "last", "max")


def check_pooling(name: str) -> str:
    """Return ``name`` if it is one of ``POOLINGS``.

    Raises:
        WrankError: another name.
    """
    if name not in POOLINGS:
        raise WrankError(f"model.pooling={name!r} is not known: give one of {', '.join(POOLINGS)}.")
    return name


def pool(states_NTH: Tensor, mask_NT: Tensor | None, how: str) -> Tensor:
    """Pool token states, in float32 whatever their type.

    Args:
        states_NTH: last hidden states.
        mask_NT: True at real tokens, False at padding; the padding may stand left or right. None: no padding at all.
        how: ``mean`` of the real tokens, ``cls``: the first real token, ``last``: the last real token,
            ``max``: element-wise maximum over the real tokens.

    Returns:
        [N, H], float32. A text without a real token has no vector: callers never pass one.

    Raises:
        WrankError: ``how`` is none of ``POOLINGS``.
    """
    check_pooling(how)
    states_NTH = states_NTH.float()
    if mask_NT is None:
        if how == "mean":
            return states_NTH.mean(dim=1)
        if how == "max":
            return states_NTH.amax(dim=1)
        return states_NTH[:, 0 if how == "cls" else -1]
    mask_NT = mask_NT.bool()
    if how == "mean":
        kept_NTH = states_NTH.masked_fill(~mask_NT.unsqueeze(-1), 0.0)
        return kept_NTH.sum(dim=1) / mask_NT.sum(dim=1, keepdim=True)
    if how == "max":
        return states_NTH.masked_fill(~mask_NT.unsqueeze(-1), float("-inf")).amax(dim=1)
    places_T = torch.arange(mask_NT.shape[1], device=mask_NT.device)
    if how == "cls":
        place_N = torch.where(mask_NT, places_T, mask_NT.shape[1]).amin(dim=1)
    else:
        place_N = torch.where(mask_NT, places_T, -1).amax(dim=1)
    return states_NTH[torch.arange(len(states_NTH), device=states_NTH.device), place_N]
