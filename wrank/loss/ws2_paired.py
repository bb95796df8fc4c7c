"""ws2 with row paired to row: the squared error between predicted and target distributions."""

from typing import ClassVar

from torch import Tensor

from wrank.loss.base import ListWiseLoss, LossOutput, batch_parts, weighted_mean


class WS2Paired(ListWiseLoss):
    r"""Squared Euclidean distance between a query's P and its T, averaged over queries (a multi-class Brier score).

    .. math:: \ell = \sum_i (P_i - T_i)^2, \quad
        P = \mathrm{softmax}(s / \tau), \quad T = \mathrm{softmax}(g / \tau_{label})

    Shapes: P and T are rows [N] of one query; which passages T runs over is ``in_batch_target`` (see ``ListWiseLoss``).

    Exactly this relates it to ``ws2``: the mean over queries is the cost of the coupling that moves row i of P onto row
    i of T. The best coupling costs at most that, and Gaussians with the same moments at most that again (Gelbrich,
    1990). So with covariances over B it bounds ``ws2`` from above, and with the published 1 / (B - 1): ws2 <= B / (B -
    1) * ws2_paired.

    Source: the bound is ours, written after SyCL (arXiv 2503.23239); the score is Brier's (1950).

    Needs: grades. Unlike ``ws2`` it knows which query a row belongs to, is per query, and works with ``in_batch:
    none``. Like ``ws2`` its gradient dies out where P is one-hot, even on a wrong passage. Minimum: 0, at P = T.

    Neighbours: ``kl`` compares the same two distributions with a gradient that does not die out.
    """

    source: ClassVar[str] = "ours, an upper bound of SyCL's loss (arXiv 2503.23239); the score of Brier (1950)"
    formula: ClassVar[str] = "sum over passages of (softmax(s) - softmax(grades))^2, a query by itself"

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["own_target_mass"]`` is the target's mass on the query's own list."""
        d = self.distributions(scores_BN, grades_BN, own_BN, valid_BN)
        loss = weighted_mean((d.p_BN - d.t_BN).square().sum(1), weight_B, d.used_B)
        own_mass = weighted_mean((d.t_BN * own_BN).sum(1), weight_B, d.used_B)
        return LossOutput(loss, {"own_target_mass": own_mass, **batch_parts(valid_BN, d.used_B)})
