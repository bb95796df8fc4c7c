"""A query's own list packed together, what it is ranked against, and the pieces of nDCG.

Shapes: B queries, K passages of the longest own list, N columns (all scored passages).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wrank.loss.base import masked_logsumexp

OtherQueries = Literal["leave_out", "grade_zero"]
"""Passages of other queries: no part at all, or below every own passage of a grade above 0 (never above an own one)."""
Gain = Literal["exponential", "linear"]


@dataclass(frozen=True, slots=True)
class Contest:
    """Own passages (rows, packed to K columns) against everything that they are ranked with (columns, N).

    Memory is of the order of B * K * N, never B * N * N. Where all own lists are whole and ``N = K`` nothing is moved.

    Attributes:
        scores_BK: scores of the own passages, differentiable; any finite number where ``own_BK`` is False.
        grades_BK: their grades.
        own_BK: bool, False for padding.
        order_BK: the column in N of each.
        scores_BN: scores of all.
        grades_BN: grades; 0 for passages of other queries.
        field_BN: bool, who takes part.
        below_BKN: bool, the column takes part and is worse than the row: its grade is lower.
    """

    scores_BK: Tensor
    grades_BK: Tensor
    own_BK: Tensor
    order_BK: Tensor
    scores_BN: Tensor
    grades_BN: Tensor
    field_BN: Tensor
    below_BKN: Tensor


def contest(
    scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, other_queries: OtherQueries
) -> Contest:
    """Pack the own lists and say who is below whom."""
    order_BK = own_order(own_BN)
    grades_BK, own_BK = grades_BN.gather(1, order_BK), own_BN.gather(1, order_BK)
    field_BN = valid_BN if other_queries == "grade_zero" else own_BN
    below_BKN = own_BK[:, :, None] & field_BN[:, None, :] & (grades_BK[:, :, None] > grades_BN[:, None, :])
    scores_BK = scores_BN.gather(1, order_BK)
    return Contest(scores_BK, grades_BK, own_BK, order_BK, scores_BN, grades_BN, field_BN, below_BKN)


def own_order(own_BN: Tensor) -> Tensor:
    """Columns of each own list, first to last, [B, K]; filled up with other columns where a list is shorter than K."""
    longest = max(1, int(own_BN.sum(1).amax())) if own_BN.numel() else own_BN.shape[1]
    return own_BN.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :longest]


def masked_logsumexp_last(logits: Tensor, mask: Tensor) -> Tensor:
    """Log of the sum of exp over the last axis where the mask is True; 0 where it is nowhere. Any number of axes."""
    logits = logits.expand(mask.shape)
    size = mask.shape[-1]
    return masked_logsumexp(logits.reshape(-1, size), mask.reshape(-1, size)).view(mask.shape[:-1])


def worst_ranks(scores_BN: Tensor, grades_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Rank of each passage by its score, 1 = first, detached; meaningless outside the mask.

    Among equal scores the worst order counts, lower grades first: a constant score gets no credit, and the order of the
    passages in the tensor none either. Equal scores of equal grades share the mean of their ranks.
    """
    scores_BN = torch.where(mask_BN, scores_BN.detach(), -torch.inf)
    by_grade_BN = grades_BN.argsort(dim=1, stable=True)
    order_BN = by_grade_BN.gather(1, scores_BN.gather(1, by_grade_BN).argsort(dim=1, descending=True, stable=True))
    s_BN, g_BN, m_BN = (x.gather(1, order_BN) for x in (scores_BN, grades_BN, mask_BN))
    new_BN = torch.ones_like(mask_BN)
    new_BN[:, 1:] = (s_BN.diff(dim=1) != 0) | (g_BN.diff(dim=1) != 0) | ~m_BN[:, 1:]
    run_BN = new_BN.cumsum(1) - 1
    place_BN = torch.arange(1, scores_BN.shape[1] + 1, device=scores_BN.device, dtype=torch.float64).expand_as(run_BN)
    empty_BN = torch.zeros_like(place_BN)
    total_BN = empty_BN.scatter_add(1, run_BN, place_BN)
    count_BN = empty_BN.scatter_add(1, run_BN, torch.ones_like(place_BN)).clamp(min=1)
    mean_BN = (total_BN / count_BN).gather(1, run_BN)
    return empty_BN.scatter(1, order_BN, mean_BN).to(scores_BN.dtype)


def gains(grades: Tensor, gain: Gain) -> Tensor:
    """Gain of nDCG: 2^grade - 1 (``exponential``) or the grade (``linear``); 0 for grades below 0."""
    grades = grades.clamp(min=0)
    return torch.expm1(grades * torch.log(torch.tensor(2.0).to(grades))) if gain == "exponential" else grades


def discount(rank: Tensor) -> Tensor:
    """Discount of nDCG: 1 / log2(1 + rank), rank from 1, fractions allowed."""
    return 1 / torch.log2(1 + rank)


def ideal_dcg(gains_BK: Tensor, own_BK: Tensor) -> Tensor:
    """DCG of the best order [B]; 0 for a list without gains."""
    sorted_BK = torch.where(own_BK, gains_BK, 0.0).sort(1, descending=True).values
    rank_K = torch.arange(1, sorted_BK.shape[1] + 1, device=sorted_BK.device, dtype=sorted_BK.dtype)
    return (sorted_BK * discount(rank_K)).sum(1)
