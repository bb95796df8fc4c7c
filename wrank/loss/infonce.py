"""Contrastive loss with one or several positives a query."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from wrank.loss.base import (
    Loss,
    LossOutput,
    batch_parts,
    check_above_zero,
    check_choice,
    masked_logsumexp,
    weighted_mean,
)

Positives = Literal["all", "best"]
OtherPositives = Literal["leave_out", "negative"]


class InfoNCE(Loss):
    r"""InfoNCE: each positive against all negatives of its query, the other positives left out.

    .. math:: \ell = \frac{1}{|\mathcal P|} \sum_{p \in \mathcal P} -\log
        \frac{e^{s_p / \tau}}{e^{s_p / \tau} + \sum_{n \in \mathcal N} e^{s_n / \tau}}

    Source: van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (arXiv
    1807.03748, 2018).

    Positives are the query's own valid passages of grade >= ``positive_threshold``; negatives are its other valid
    passages, own and in-batch. Needs: binary labels or grades. A query without a positive, or without a negative, has
    nothing to learn from.

    Neighbours: grades above the threshold count the same here; ``kl`` learns their order, and ``ws2`` is what SyCL uses
    for that. With one positive, no other own passage and ``in_batch_target: none``, ``kl`` is this loss.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        positive_threshold: lowest grade that makes a passage positive, inclusive.
        positives: ``all`` passages that reach the threshold, or only the ``best``: those of the list's highest grade,
            all of them where several share it.
        other_positives: with ``best``, what becomes of the own passages that reach the threshold but are not best:
            ``leave_out`` (neither positive nor negative) or ``negative``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    source: ClassVar[str] = "van den Oord, Li and Vinyals (2018), Contrastive Predictive Coding, arXiv 1807.03748"
    formula: ClassVar[str] = "mean over positives p of -log(exp(s_p) / (exp(s_p) + sum over negatives of exp(s_n)))"

    def __init__(
        self,
        *,
        temperature: float,
        positive_threshold: float = 1.0,
        positives: Positives = "all",
        other_positives: OtherPositives = "leave_out",
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.positive_threshold = positive_threshold
        self.positives = check_choice("positives", positives, get_args(Positives))
        self.other_positives = check_choice("other_positives", other_positives, get_args(OtherPositives))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["accuracy"]`` is the share of positives above every negative of their query."""
        positive_BN, negative_BN = self.roles(grades_BN, own_BN, valid_BN)
        used_B = positive_BN.any(1) & negative_BN.any(1)
        positive_BN, negative_BN = positive_BN & used_B[:, None], negative_BN & used_B[:, None]
        logits_BN = scores_BN / self.temperature
        negatives_B1 = masked_logsumexp(logits_BN, negative_BN)
        loss_BN = -logsigmoid(torch.where(positive_BN, logits_BN - negatives_B1, 0.0))
        hit_BN = logits_BN > torch.where(negative_BN, logits_BN, -torch.inf).amax(1, keepdim=True)
        loss = weighted_mean(_mean_over(loss_BN, positive_BN), weight_B, used_B)
        accuracy = weighted_mean(_mean_over(hit_BN.to(loss_BN.dtype), positive_BN), weight_B, used_B)
        return LossOutput(loss, {"accuracy": accuracy, **batch_parts(valid_BN, used_B)})

    def roles(self, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bool masks [B, N] of the positives and of the negatives."""
        reached_BN = own_BN & (grades_BN >= self.positive_threshold)
        if self.positives == "all":
            return reached_BN, valid_BN & ~reached_BN
        highest_B1 = torch.where(own_BN, grades_BN, -torch.inf).amax(1, keepdim=True)
        best_BN = reached_BN & (grades_BN == highest_B1)
        not_negative_BN = reached_BN if self.other_positives == "leave_out" else best_BN
        return best_BN, valid_BN & ~not_negative_BN


def _mean_over(value_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Mean of each row over the mask [B]; 0 for an empty mask."""
    return torch.where(mask_BN, value_BN, 0.0).sum(1) / mask_BN.sum(1).clamp(min=1)
