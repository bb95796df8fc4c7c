"""Wasserstein distance per query, along the axis of grades."""

from typing import ClassVar

from torch import Tensor

from wrank.errors import WrankError
from wrank.loss.base import InBatchTarget, ListWiseLoss, LossOutput, batch_parts, weighted_mean


class W1Grade(ListWiseLoss):
    r"""Exact 1-D Wasserstein distance, in grades, between where P and where T put their mass on the axis of grades.

    .. math:: \ell = \int |F_P(g) - F_T(g)| \, dg = \sum_k (g_{(k+1)} - g_{(k)}) \, |F_P(g_{(k)}) - F_T(g_{(k)})|

    Shapes: g_(k) are the row's N grades in rising order; F_P(g) is the mass of P on passages graded g or lower, F_T
    that of T. Passages of one grade are one point: the gap between them is 0, so how P shares its mass among them
    costs nothing. In-batch passages stand at grade 0, with the own passages of that grade; ``in_batch_target`` says
    whether T gives them mass.

    Source: the 1-D case in closed form (Villani, "Topics in Optimal Transportation", 2003, 2.18) on graded lists;
    ours, after the use of a Wasserstein loss in SyCL (arXiv 2503.23239). In ordinal regression it is the earth mover's
    distance (arXiv 1611.05916).

    Needs: grades whose distances mean something: mass on grade 0 instead of 3 costs three times that on 2 instead of
    3. Per query, and with ``in_batch_target: none`` its target does not depend on the batch. It ranges from 0 to
    (highest - lowest grade). It is 0 wherever the masses of each grade agree, P = T among them. As in ``ws2``, the
    gradient dies out where P is one-hot.

    Neighbours: ``kl`` and ``ws2_paired`` compare passage by passage and count every misplaced unit of mass alike.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        label_temperature: divides the grades in T, not on the axis; above 0, in grades.
        in_batch_target: ``none`` or ``graded_zero``, see ``ListWiseLoss``.
        smoothing: the width delta, in probability, in which abs(x) is rounded to sqrt(x^2 + delta^2) - delta. Without
            it the gradient near the minimum is a sign of rounding noise. The loss is low by at most delta * (highest
            - lowest grade); 0 is exact.

    Raises:
        WrankError: a temperature that is not above 0, an unknown choice, or a smoothing outside 0..1.
    """

    source: ClassVar[str] = (
        "ours, after SyCL (arXiv 2503.23239); 1-D optimal transport: Villani (2003), Topics in Optimal Transportation"
    )
    formula: ClassVar[str] = "area between the cumulated softmaxes of scores and grades along the grades"

    def __init__(
        self,
        *,
        temperature: float,
        label_temperature: float = 1.0,
        in_batch_target: InBatchTarget = "none",
        smoothing: float = 1e-4,
    ) -> None:
        super().__init__(temperature=temperature, label_temperature=label_temperature, in_batch_target=in_batch_target)
        if not 0 <= smoothing <= 1:
            raise WrankError(f"loss.smoothing is {smoothing!r}, but must be a probability from 0 to 1.")
        self.smoothing = smoothing

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: the mean grade under P and under T (``predicted_grade``, ``target_grade``)."""
        d = self.distributions(scores_BN, grades_BN, own_BN, valid_BN)
        axis_BN, order_BN = grades_BN.sort(1)  # what is not valid stands at 0 too: a point without mass changes nothing
        excess_BN = (d.p_BN - d.t_BN).gather(1, order_BN).cumsum(1)  # F_P - F_T at each point
        loss_B = (axis_BN.diff(dim=1) * self._absolute(excess_BN[:, :-1])).sum(1)
        parts = {
            "predicted_grade": weighted_mean((d.p_BN * grades_BN).sum(1), weight_B, d.used_B),
            "target_grade": weighted_mean((d.t_BN * grades_BN).sum(1), weight_B, d.used_B),
            **batch_parts(valid_BN, d.used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, d.used_B), parts)

    def _absolute(self, value: Tensor) -> Tensor:
        """Return the smoothed absolute value."""
        if self.smoothing == 0:
            return value.abs()
        return (value.square() + self.smoothing**2).sqrt() - self.smoothing
