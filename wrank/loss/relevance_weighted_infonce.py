"""Contrastive loss whose positives count by how relevant the model itself finds them."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from wrank.loss.base import LossOutput, batch_parts, masked_logsumexp, weighted_mean
from wrank.loss.infonce import InfoNCE


class RelevanceWeightedInfoNCE(InfoNCE):
    r"""InfoNCE over the positive pairs of a document, each weighted by its own similarity, which is not learned from.

    .. math:: \ell = \sum_{p \in \mathcal P} w_p \, \Big( -\log
        \frac{e^{s_p / \tau}}{e^{s_p / \tau} + \sum_{n \in \mathcal N} e^{s_n / \tau}} \Big), \quad
        w_p = \frac{\max(\bar s_p, 0)}{\sum_{q \in \mathcal P} \max(\bar s_q, 0)}

    Shapes: P are the query's positives, N its negatives (see ``infonce``); s-bar is the score with its gradient
    stopped, before the temperature. The weights of a query sum to 1; where no score is above 0 they are equal, and the
    loss is that of ``infonce``.

    Source: Lei et al., "Unsupervised Dense Retrieval with Relevance-Aware Contrastive Pre-training" (arXiv 2306.03166,
    2023). Read there: the abstract, and the published code, in which the four positive pairs cut from one document get
    the shares of their inner products. One document's pairs are one list here. What differs: there the similarity is
    that of a momentum encoder, a mean over pairs stands for the sum (a constant factor), and a share may be negative;
    that file divides by a name it never defines, read here as the sum of the similarities that its comment speaks of.

    Needs: several positives a query, some of them doubtful: crops of one document (``data/augment=crop``), or noisy
    labels. With one positive it is ``infonce``. A query without a positive, or without a negative, has nothing to learn
    from. It trusts the model: begin from a retriever, as published. The gradient is not that of the value, since the
    weights move with the scores.

    Neighbours: ``infonce`` weighs all positives alike; ``kl`` takes their weights from grades.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        positive_threshold: lowest grade that makes a passage positive, inclusive.
        positives: ``all`` or ``best``, see ``infonce``.
        other_positives: ``leave_out`` or ``negative``, see ``infonce``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    source: ClassVar[str] = (
        "Lei et al. (2023), Unsupervised Dense Retrieval with Relevance-Aware Contrastive Pre-training, "
        "arXiv 2306.03166"
    )
    formula: ClassVar[str] = "sum over positives of w_p * InfoNCE_p, w_p = share of the detached similarity"

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["largest_weight"]`` is the mean of the largest w_p of each query."""
        positive_BN, negative_BN = self.roles(grades_BN, own_BN, valid_BN)
        used_B = positive_BN.any(1) & negative_BN.any(1)
        positive_BN, negative_BN = positive_BN & used_B[:, None], negative_BN & used_B[:, None]
        logits_BN = scores_BN / self.temperature
        margin_BN = torch.where(positive_BN, logits_BN - masked_logsumexp(logits_BN, negative_BN), 0.0)
        share_BN = relevance_shares(scores_BN.detach(), positive_BN)
        parts = {
            "largest_weight": weighted_mean(share_BN.amax(1), weight_B, used_B),
            **batch_parts(valid_BN, used_B),
        }
        return LossOutput(weighted_mean((share_BN * -logsigmoid(margin_BN)).sum(1), weight_B, used_B), parts)


def relevance_shares(scores_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Each score's share of its row's scores above 0, over the mask; equal shares where none of them is above 0."""
    above_BN = torch.where(mask_BN, scores_BN.clamp(min=0), 0.0)
    total_B1 = above_BN.sum(1, keepdim=True)
    equal_BN = mask_BN / mask_BN.sum(1, keepdim=True).clamp(min=1)
    return torch.where(total_B1 > 0, above_BN / torch.where(total_B1 > 0, total_B1, 1.0), equal_BN.to(scores_BN.dtype))
