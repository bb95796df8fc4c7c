"""The loss of SyCL: squared 2-Wasserstein distance between Gaussians fitted to predictions and to targets."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from wrank.loss.base import ListWiseLoss, LossOutput, batch_parts, weighted_mean

_EPSILON = 1e-15
"""Added under the square root, as published: keeps the gradient defined where a singular value is 0 (one always is)."""
_NO_FREEDOM = 1e-12
"""At or below it, one row outweighs the others so far that rounding would decide the covariances: they count as 0."""


class WS2(ListWiseLoss):
    r"""Squared 2-Wasserstein distance between two Gaussians: one fitted to the rows of P, one to the rows of T.

    .. math:: \ell = \lVert \mu_P - \mu_T \rVert^2 + \mathrm{Tr}\,\Sigma_P + \mathrm{Tr}\,\Sigma_T
        - 2\, \mathrm{Tr}\,(\Sigma_P \Sigma_T)^{1/2}

    Shapes: P and T are [B, N]; mu are means over rows, [N]; Sigma are the rows' covariances [N, N] with 1 / (B - 1),
    never formed: with C the centred rows / sqrt(B - 1), [B, N], the last trace is the sum of the singular values s of
    C_P C_T^T, [B, B], taken as sum(sqrt(s^2 + 1e-15)). That matches the published value and gradient to about 1e-11,
    and is computed in float64 always. So the loss at P = T is not quite 0 but about -6e-8 for each s that is 0.

    Source: SyCL (arXiv 2503.23239). Published settings: temperature 1 on dot products, label_temperature 1, graded_zero
    (``conf/loss/ws2_published.yaml``).

    Needs: grades; two queries or more; ``in_batch: local`` or ``global``. What follows from the formula:
        (a) It does not know which query a row belongs to: permuting the rows of a perfect prediction still gives 0. It
            works because training starts from a model that retrieves.
        (b) It depends on the batch: with ``graded_zero`` T thins out as N grows, so the number of devices changes the
            objective.
        (c) It punishes confident scores: against a flat T, one-hot rows on the best passage cost more than a reversed
            order.
        (d) One query has no covariance: only the mean term is left.
        (e) A column must be the same passage for every row, so it refuses ``in_batch: none``.

    It is not per query, so weights cannot average losses. They weigh the rows instead: means are weighted, and
    covariances are the unbiased weighted ones, sum(w (x - mu)(x - mu)^T) / (1 - sum(w^2)) with w normalised to sum to
    1. Equal weights give the formula above; a row of weight 0, or with nothing to learn from, is as if absent, though
    its passages stay as columns.

    Neighbours: ``ws2_paired`` compares row i with row i, an upper bound; ``w1_grade`` is a Wasserstein distance per
    query, along the grades; ``kl`` is the usual list-wise loss, with a gradient that does not die out for confident
    errors.
    """

    source: ClassVar[str] = "SyCL (2025), Beyond Contrastive Learning, arXiv 2503.23239"
    formula: ClassVar[str] = (
        "|mu_P - mu_T|^2 + Tr(cov_P + cov_T - 2 (cov_P cov_T)^(1/2)) of Gaussians fitted to the batch's softmaxes"
    )

    in_batch_supported: ClassVar[frozenset[str]] = frozenset({"local", "global"})
    in_batch_refusals: ClassVar[Mapping[str, str]] = {
        "none": "ws2 compares queries column by column, so a column must be the same passage for every query; with "
        "each query's own list alone, the order of its passages would change the loss. Use in_batch local or global, "
        "or the losses ws2_paired or w1_grade."
    }
    per_query: ClassVar[bool] = False
    double_precision: ClassVar[bool] = True

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: ``mean_term`` and ``trace_term``, which add up to it, and T's mass on own lists.

        Raises:
            ValueError: a column belongs to the own lists of two queries, as with ``in_batch: none``.
        """
        if bool((own_BN.sum(0) > 1).any()):
            raise ValueError(
                f"{int((own_BN.sum(0) > 1).sum())} of {own_BN.shape[1]} columns belong to the own lists of several "
                f"of the {own_BN.shape[0]} queries. {self.in_batch_refusals['none']}"
            )
        p_BN, t_BN, used_B = self.probabilities(scores_BN, grades_BN, own_BN, valid_BN)
        weight_B = torch.where(used_B, weight_B, 0.0)
        total = weight_B.sum()
        share_B = weight_B / torch.where(total > 0, total, 1.0)
        mean_term = (share_B @ p_BN - share_B @ t_BN).square().sum()
        trace_term = _trace_term(p_BN, t_BN, share_B)
        parts = {
            "mean_term": mean_term,
            "trace_term": trace_term,
            "own_target_mass": weighted_mean(t_BN.where(own_BN, 0.0).sum(1), weight_B, used_B),
            **batch_parts(valid_BN, used_B),
        }
        return LossOutput(mean_term + trace_term, parts)


def _trace_term(p_BN: Tensor, t_BN: Tensor, share_B: Tensor) -> Tensor:
    """Tr(cov_P) + Tr(cov_T) - 2 Tr((cov_P cov_T)^(1/2)) of rows weighted by ``share_B``, whose sum is 1 (or 0)."""
    freedom = 1 - share_B.square().sum()  # (B - 1) / B for equal weights; 0 for one row, which has no covariance
    root_B = (share_B / torch.where(freedom > _NO_FREEDOM, freedom, torch.inf)).sqrt()
    centred_p_BN = root_B[:, None] * (p_BN - share_B @ p_BN)
    centred_t_BN = root_B[:, None] * (t_BN - share_B @ t_BN)
    singular_B = torch.linalg.svdvals(centred_p_BN @ centred_t_BN.T)
    # A row that takes no part adds a singular value of 0, hence sqrt(epsilon): take it back.
    nuclear = (singular_B.square() + _EPSILON).sqrt().sum() - (share_B <= 0).sum() * _EPSILON**0.5
    p, t = centred_p_BN.flatten(), centred_t_BN.flatten()
    return p.dot(p) + t.dot(t) - 2 * nuclear
