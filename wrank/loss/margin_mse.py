"""Squared error of score margins against a teacher's margins."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean
from wrank.loss.extra import Extra

Pairs = Literal["all", "best"]


class MarginMSE(Loss):
    r"""MarginMSE: the difference of two passages' scores shall be the difference of their teacher's scores.

    .. math:: \ell = \frac{1}{|\mathcal Q|} \sum_{(i, j) \in \mathcal Q}
        \Big( \frac{s_i - s_j}{\tau} - \frac{t_i - t_j}{\tau_{teacher}} \Big)^2

    Shapes: s are a query's scores, t its teacher's; Q is a set of pairs of its own valid passages that the teacher has
    scored. Computed from means and variances of s / tau - t / tau_teacher, so no table of pairs is made.

    Source: Hofstätter, Althammer, Schröder, Sertkan and Hanbury, "Improving Efficient Neural Ranking Models with
    Cross-Architecture Knowledge Distillation" (arXiv 2010.02666, 2020). Published for triples of one positive and one
    negative, mean over the triples of the batch, with dot products and both temperatures 1: ``pairs: best`` with lists
    of two. The temperatures are ours; a cosine, which spans 2 at most, cannot follow a cross-encoder's logits without.

    Needs: teacher scores of the own lists, in units that ``temperature`` can reach; with ``best``, grades too. Other
    queries' passages have no teacher score and take no part. A query with no pair of scored passages (for ``best``: no
    scored passage below the best grade) has nothing to learn from. Minimum: 0, for every shift of the scores.

    Neighbours: ``teacher_kl`` matches the softmaxes of both, so it cares little about the order among weak passages;
    this one weighs an error at the bottom of the list like one at the top.

    Args:
        temperature: divides the scores; above 0, in units of the score per unit of the teacher's score.
        teacher_temperature: divides the teacher's scores; above 0, in units of them.
        pairs: ``all`` pairs of the scored passages, or ``best``: those of the list's highest grade against the rest.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"teacher"})
    source: ClassVar[str] = (
        "Hofstätter et al. (2020), Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge "
        "Distillation, arXiv 2010.02666"
    )
    formula: ClassVar[str] = "mean over pairs i, j of ((s_i - s_j) / tau - (t_i - t_j) / tau_teacher)^2"

    def __init__(self, *, temperature: float, teacher_temperature: float = 1.0, pairs: Pairs = "all") -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.teacher_temperature = check_above_zero("teacher_temperature", teacher_temperature)
        self.pairs = check_choice("pairs", pairs, get_args(Pairs))

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute the loss; ``parts["teacher_correlation"]`` is Pearson's, of scores and teacher's scores in a list."""
        assert extra.teacher_BN is not None  # forward has checked it
        scored_BN = own_BN & extra.teacher_BN.isfinite()
        teacher_BN = torch.where(scored_BN, extra.teacher_BN, 0.0) / self.teacher_temperature
        scores_BN = scores_BN / self.temperature
        gap_BN = scores_BN - teacher_BN
        if self.pairs == "all":
            used_B = scored_BN.sum(1) > 1
            loss_B = mean_square_gap_within(gap_BN, scored_BN)
        else:
            highest_B1 = torch.where(scored_BN, grades_BN, -torch.inf).amax(1, keepdim=True)
            best_BN = scored_BN & (grades_BN == highest_B1)
            rest_BN = scored_BN & ~best_BN
            used_B = best_BN.any(1) & rest_BN.any(1)
            loss_B = mean_square_gap_between(gap_BN, best_BN, rest_BN)
        parts = {
            "teacher_correlation": weighted_mean(_correlation(scores_BN, teacher_BN, scored_BN), weight_B, used_B),
            **batch_parts(scored_BN, used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)


def mean_square_gap_within(value_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Mean of (v_i - v_j)^2 over the pairs i < j of a row's mask, [B]; 0 where it holds fewer than two."""
    _, variance_B = _moments(value_BN, mask_BN)
    count_B = mask_BN.sum(1)
    return 2 * variance_B * count_B / (count_B - 1).clamp(min=1)


def mean_square_gap_between(value_BN: Tensor, first_BN: Tensor, second_BN: Tensor) -> Tensor:
    """Mean of (v_i - v_j)^2 over i in a row's first mask and j in its second, [B]; 0 where one of them is empty."""
    (first_B, first_variance_B), (second_B, second_variance_B) = (
        _moments(value_BN, mask_BN) for mask_BN in (first_BN, second_BN)
    )
    mean_B = first_variance_B + second_variance_B + (first_B - second_B).square()
    return torch.where(first_BN.any(1) & second_BN.any(1), mean_B, 0.0)


def _moments(value_BN: Tensor, mask_BN: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (over the count, not one less) of each row over the mask [B]; 0 for an empty mask."""
    count_B1 = mask_BN.sum(1, keepdim=True).clamp(min=1)
    mean_B1 = torch.where(mask_BN, value_BN, 0.0).sum(1, keepdim=True) / count_B1
    variance_B = torch.where(mask_BN, (value_BN - mean_B1).square(), 0.0).sum(1) / count_B1.squeeze(1)
    return mean_B1.squeeze(1), variance_B


def _correlation(first_BN: Tensor, second_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Pearson's correlation of each row over the mask, detached, [B]; 0 where one of the two does not vary."""
    first_BN, second_BN = first_BN.detach(), second_BN.detach()
    (first_B, first_variance_B), (second_B, second_variance_B) = (
        _moments(value_BN, mask_BN) for value_BN in (first_BN, second_BN)
    )
    centred_BN = (first_BN - first_B[:, None]) * (second_BN - second_B[:, None])
    covariance_B, _ = _moments(centred_BN, mask_BN)
    scale_B = (first_variance_B * second_variance_B).sqrt()
    return torch.where(scale_B > 0, covariance_B / torch.where(scale_B > 0, scale_B, 1.0), 0.0).clamp(-1, 1)
