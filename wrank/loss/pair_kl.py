"""Pairwise preference distillation."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, weighted_mean
from wrank.loss.extra import Extra


class PairKL(Loss):
    r"""KL divergence, for each pair of passages that a teacher has compared, from its preference to the model's.

    .. math:: \ell = \frac{1}{|\mathcal Q|} \sum_{(i, j, p) \in \mathcal Q}
        p \log \frac{p}{\hat p} + (1 - p) \log \frac{1 - p}{1 - \hat p}, \quad
        \hat p = \mathrm{sigmoid}\Big(\frac{s_i - s_j}{\tau}\Big)

    Shapes: Q are the pairs of one query; p is the teacher's probability that i is better than j. The sigmoid of the
    difference is the softmax over the two scores.

    Source: Huang and Chen, "PairDistill: Pairwise Relevance Distillation for Dense Retrieval" (arXiv 2410.01383,
    2024), its pairwise term, as in its published training code. There the mean runs over all pairs of a batch, and the
    term is added to list-wise distillation: see ``sum`` with ``teacher_kl``. Here the mean runs over a query's pairs,
    then over queries, so that a query with many pairs does not count more.

    Needs: preferences (the lists' ``pairs``); grades are not read. A query without a pair of two different own valid
    passages has nothing to learn from. Minimum: 0. With p = 1 it is the logistic pairwise loss of ``ranknet``.

    Neighbours: ``margin_mse`` and ``teacher_kl`` distil scores of single passages, which need a teacher whose scores
    mean the same for each passage; a pairwise teacher only has to say which of two is better.

    Args:
        temperature: divides the difference of scores; above 0, in units of the score (about 0.05 for cosine, 1 for
            dot products).

    Raises:
        WrankError: a temperature that is not above 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"pairs"})
    source: ClassVar[str] = (
        "Huang and Chen (2024), PairDistill: Pairwise Relevance Distillation for Dense Retrieval, arXiv 2410.01383"
    )
    formula: ClassVar[str] = "mean over pairs of KL((p, 1-p) || softmax((s_i, s_j) / tau))"

    def __init__(self, *, temperature: float) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute the loss; parts: pairs a used query (``pairs``), and the share ordered as the teacher does.

        Raises:
            ValueError: pairs without their probabilities, or in another shape.
        """
        rows_P, first_P, second_P, p_P = _pairs(extra)
        kept_P = own_BN[rows_P, first_P] & own_BN[rows_P, second_P] & (first_P != second_P) & p_P.isfinite()
        p_P = torch.where(kept_P, p_P, 0.5).clamp(0, 1)
        margin_P = (scores_BN[rows_P, first_P] - scores_BN[rows_P, second_P]) / self.temperature
        entropy_P = -torch.special.xlogy(p_P, p_P) - torch.special.xlogy(1 - p_P, 1 - p_P)
        cross_P = -p_P * logsigmoid(margin_P) - (1 - p_P) * logsigmoid(-margin_P)
        agrees_P = margin_P * (p_P - 0.5) > 0

        def mean_of_queries(value_P: Tensor) -> Tensor:
            total_B = scores_BN.new_zeros(len(scores_BN)).index_add(0, rows_P, torch.where(kept_P, value_P, 0.0))
            return total_B / count_B.clamp(min=1)

        count_B = scores_BN.new_zeros(len(scores_BN)).index_add(0, rows_P, kept_P.to(scores_BN.dtype))
        used_B = count_B > 0
        parts = {
            "pairs": weighted_mean(count_B, weight_B, used_B),
            "pair_agreement": weighted_mean(mean_of_queries(agrees_P.to(scores_BN.dtype)), weight_B, used_B),
            **batch_parts(own_BN, used_B),
        }
        return LossOutput(weighted_mean(mean_of_queries(cross_P - entropy_P), weight_B, used_B), parts)


def _pairs(extra: Extra) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Row, first column, second column and probability of each pair, [P] each."""
    pairs_P3, p_P = extra.pairs_P3, extra.pair_p_P
    assert pairs_P3 is not None  # forward has checked it
    if p_P is None or pairs_P3.dim() != 2 or pairs_P3.shape[1] != 3 or p_P.shape != pairs_P3.shape[:1]:
        got = None if p_P is None else list(p_P.shape)
        raise ValueError(f"pairs_P3 [P, 3] wants pair_p_P [P], got {list(pairs_P3.shape)} and {got}")
    rows_P, first_P, second_P = pairs_P3.unbind(1)
    return rows_P, first_P, second_P, p_P
