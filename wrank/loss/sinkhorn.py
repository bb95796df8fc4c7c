"""Entropic optimal transport per query, along the axis of grades or of ranks."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.loss.base import (
    InBatchTarget,
    ListWiseLoss,
    LossOutput,
    batch_parts,
    check_above_zero,
    check_choice,
    weighted_mean,
)

Axis = Literal["grade", "rank"]
_NO_MASS = -1e30  # the log of a mass of 0: its exp is 0, and potentials made from it stay far from overflow


class Sinkhorn(ListWiseLoss):
    r"""Sinkhorn divergence between P and T, where moving mass from one grade (or rank) to another costs their distance.

    .. math:: \ell = OT_\epsilon(P, T) - \tfrac12 OT_\epsilon(P, P) - \tfrac12 OT_\epsilon(T, T), \quad
        OT_\epsilon(a, b) = \min_\pi \sum_{ij} \pi_{ij} C_{ij} + \epsilon \, KL(\pi \,\|\, a \otimes b)

    Shapes: C_ij = abs(x_i - x_j)^power, x the grades or the ranks of the row's passages. The plan pi has P and T as its
    sums. Passages of other queries all stand at grade 0, so they are first merged into one point, which leaves the
    value unchanged and the table at (K + 1) x (K + 1) a query.

    Source: Cuturi, "Sinkhorn Distances" (arXiv 1306.0895, 2013); the divergence and its averaged updates after Genevay,
    Peyré and Cuturi (arXiv 1706.00292, 2018) and Feydy et al. (arXiv 1810.08278, 2019). On graded lists: ours, after
    the use of a Wasserstein loss in SyCL (arXiv 2503.23239).

    Why own iterations: POT 0.9.7 and geomloss 0.3.1 take probabilities, not their logarithms. Checked in float64
    against finite differences on lists of four, epsilon 0.03 to 1: POT's gradient agreed to 1e-9 on ordinary scores,
    but was NaN where a softmax underflows to 0; geomloss's was off by 1 to 4% of its largest entry. Here log P comes
    from the scores, nothing underflows, and the gradient is that of the value after ``iterations`` updates.

    Needs: as ``w1_grade``. Minimum: 0, where the masses of each grade agree (P = T among them), for any number of
    iterations, since both sides are updated alike. The gradient dies out where P is one-hot.

    Neighbours: ``w1_grade`` is the limit of epsilon 0 with power 1, exact and cheaper. A larger epsilon blurs grades
    closer than it and, in the limit, gives half the squared energy distance of P and T.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        label_temperature: divides the grades in T, not on the axis; above 0, in grades.
        in_batch_target: ``none`` or ``graded_zero``, see ``ListWiseLoss``.
        axis: ``grade``: passages stand at their grade; ``rank``: at the number of different lower grades in the row, so
            that only the order of the grades matters on the axis.
        power: 1 or 2, of the distance on the axis.
        epsilon: strength of the entropy; above 0, in units of the cost (grades^power).
        iterations: updates of the dual potentials; 1 or above. A small epsilon wants more: about 10 x the largest cost
            / epsilon.

    Raises:
        WrankError: a value out of its range, or an unknown choice.
    """

    double_precision: ClassVar[bool] = True
    source: ClassVar[str] = (
        "Cuturi (2013), Sinkhorn Distances, arXiv 1306.0895; Feydy et al. (2019), Interpolating between Optimal "
        "Transport and MMD using Sinkhorn Divergences, arXiv 1810.08278"
    )
    formula: ClassVar[str] = "OT_eps(P, T) - OT_eps(P, P) / 2 - OT_eps(T, T) / 2, cost |grade_i - grade_j|^power"

    def __init__(
        self,
        *,
        temperature: float,
        label_temperature: float = 1.0,
        in_batch_target: InBatchTarget = "none",
        axis: Axis = "grade",
        power: int = 1,
        epsilon: float = 0.3,
        iterations: int = 100,
    ) -> None:
        super().__init__(temperature=temperature, label_temperature=label_temperature, in_batch_target=in_batch_target)
        self.axis = check_choice("axis", axis, get_args(Axis))
        if power not in (1, 2):
            raise WrankError(f"loss.power is {power!r}, but must be 1 or 2.")
        if iterations < 1:
            raise WrankError(f"loss.iterations is {iterations!r}, but must be 1 or above.")
        self.power, self.iterations = power, iterations
        self.epsilon = check_above_zero("epsilon", epsilon)

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: the mean place on the axis under P and under T."""
        d = self.distributions(scores_BN, grades_BN, own_BN, valid_BN)
        inside_BN = valid_BN & d.used_B[:, None]
        target_BN = inside_BN & (own_BN if self.in_batch_target == "none" else valid_BN)
        columns_BM = _own_first(own_BN)
        place_BM, log_p_BM, log_t_BM = (
            _merged(value_BN, mask_BN, own_BN, columns_BM)
            for value_BN, mask_BN in ((grades_BN, None), (d.log_p_BN, inside_BN), (d.log_t_BN, target_BN))
        )
        if self.axis == "rank":
            place_BM = _dense_rank(place_BM, (log_p_BM > _NO_MASS) | (log_t_BM > _NO_MASS))
        cost_BMM = (place_BM[:, :, None] - place_BM[:, None, :]).abs() ** self.power
        between, of_p, of_t = (
            transport(cost_BMM, first_BM, second_BM, self.epsilon, self.iterations)
            for first_BM, second_BM in ((log_p_BM, log_t_BM), (log_p_BM, log_p_BM), (log_t_BM, log_t_BM))
        )
        parts = {
            "predicted_place": weighted_mean((log_p_BM.exp() * place_BM).sum(1), weight_B, d.used_B),
            "target_place": weighted_mean((log_t_BM.exp() * place_BM).sum(1), weight_B, d.used_B),
            **batch_parts(valid_BN, d.used_B),
        }
        return LossOutput(weighted_mean(between - (of_p + of_t) / 2, weight_B, d.used_B), parts)


def transport(cost_BMM: Tensor, log_a_BM: Tensor, log_b_BM: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Entropic transport cost of each row [B]: the dual value after averaged updates of both potentials from 0.

    Both are updated at once and averaged with what they were, so the value does not depend on which side comes first.
    """
    f_BM, g_BM = torch.zeros_like(log_a_BM), torch.zeros_like(log_b_BM)
    cost_BMM = cost_BMM / epsilon
    for _ in range(iterations):
        next_f_BM = -torch.logsumexp((log_b_BM + g_BM)[:, None, :] - cost_BMM, 2)
        next_g_BM = -torch.logsumexp((log_a_BM + f_BM)[:, :, None] - cost_BMM, 1)
        f_BM, g_BM = (f_BM + next_f_BM) / 2, (g_BM + next_g_BM) / 2
    return epsilon * ((log_a_BM.exp() * f_BM).sum(1) + (log_b_BM.exp() * g_BM).sum(1))


def _own_first(own_BN: Tensor) -> Tensor:
    """Column indices [B, M] that hold each row's own passages first; M is the longest own list of the batch."""
    longest = max(1, int(own_BN.sum(1).amax())) if own_BN.numel() else 1
    return own_BN.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :longest]


def _merged(value_BN: Tensor, mask_BN: Tensor | None, own_BN: Tensor, columns_BM: Tensor) -> Tensor:
    """Own passages one by one, then all others as one point: values [B, M + 1], or log masses where a mask is given.

    Without a mask the others, and what fills up a short list, stand at 0.
    """
    own_BM = own_BN.gather(1, columns_BM)
    picked_BM = value_BN.gather(1, columns_BM)
    if mask_BN is None:
        return torch.cat([torch.where(own_BM, picked_BM, 0.0), torch.zeros_like(picked_BM[:, :1])], 1)
    others_BN = mask_BN & ~own_BN
    rest_B1 = torch.where(others_BN, value_BN, _NO_MASS).logsumexp(1, keepdim=True)
    rest_B1 = torch.where(others_BN.any(1, keepdim=True), rest_B1, _NO_MASS)
    return torch.cat([torch.where(own_BM & mask_BN.gather(1, columns_BM), picked_BM, _NO_MASS), rest_B1], 1)


def _dense_rank(place_BM: Tensor, real_BM: Tensor) -> Tensor:
    """How many different lower values each one has in its row, among the real ones; 0 for what is not real."""
    lowest_B1 = torch.where(real_BM, place_BM, torch.inf).amin(1, keepdim=True)
    filled_BM = torch.where(real_BM, place_BM, lowest_B1)
    ordered_BM, order_BM = filled_BM.sort(1)
    rises_BM = torch.cat([torch.zeros_like(ordered_BM[:, :1]), (ordered_BM.diff(dim=1) > 0).to(place_BM.dtype)], 1)
    return torch.zeros_like(place_BM).scatter(1, order_BM, rises_BM.cumsum(1))
