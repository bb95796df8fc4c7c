"""Equivalent queries shall have equal vectors and equal margins."""

from typing import ClassVar

import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, weighted_mean
from wrank.loss.extra import Extra
from wrank.loss.margin_mse import mean_square_gap_between


class Coherence(Loss):
    r"""Regulariser: distance of a query's vector to its paraphrases', plus disagreement of their score margins.

    .. math:: \ell = \frac{1}{M} \sum_m a \, \lVert q - q_m \rVert^2 + \frac{b}{|\mathcal P| |\mathcal N|}
        \sum_{p \in \mathcal P, n \in \mathcal N} \Big( \frac{(s_p - s_n) - (s^m_p - s^m_n)}{\tau} \Big)^2

    Shapes: q is the query's vector [D], q_m that of one of its M paraphrases, s^m the paraphrase's scores with the same
    passages; P are the own valid passages of grade >= ``positive_threshold``, N the other valid ones, own and in-batch.
    Gradients flow to both sides. a and b are the two weights. Computed from means and variances, without a table of
    pairs.

    Source: Campese, Moschitti and Lauriola, "Improving Document Retrieval Coherence for Semantically Equivalent
    Queries" (arXiv 2508.07975, 2025). Only its abstract and summaries of it could be read: the loss adds to a
    multiple-negatives ranking loss a penalty on the distance of equivalent queries' embeddings and one on the
    disagreement of their margins between the same positives and negatives. Not verified: the exact distance (squared
    Euclidean here; 2 - 2 cosine for vectors of length 1), and how it weighs the terms.

    Needs: paraphrases. It teaches no order by itself: add it to a ranking loss, ``loss=sum``. A query without a
    paraphrase, or without an own valid passage, has nothing to learn from; without a positive or a negative, only its
    vectors count. Minimum: 0; a model that maps everything to one point reaches it too, so keep the ranking loss.

    Neighbours: none; ``data/augment`` on the query's text teaches the same without paraphrases, by noise.

    Args:
        temperature: divides the margins; above 0, in units of the score (1 leaves both terms on the scale of a cosine).
        embedding_weight: weight a of the distance of vectors; 0 or above.
        margin_weight: weight b of the disagreement of margins; 0 or above.
        positive_threshold: lowest grade that makes a passage positive, inclusive.

    Raises:
        WrankError: a temperature that is not above 0, a weight below 0, or both weights 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"paraphrases"})
    source: ClassVar[str] = (
        "Campese, Moschitti and Lauriola (2025), Improving Document Retrieval Coherence for Semantically Equivalent "
        "Queries, arXiv 2508.07975"
    )
    formula: ClassVar[str] = "mean over paraphrases of a |q - q_m|^2 + b mean of (margin(q) - margin(q_m))^2 / tau^2"

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        embedding_weight: float = 1.0,
        margin_weight: float = 1.0,
        positive_threshold: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        for name, value in (("embedding_weight", embedding_weight), ("margin_weight", margin_weight)):
            if not 0 <= value < float("inf"):
                raise WrankError(f"loss.{name} is {value!r}, but must be a finite number, 0 or above.")
        if embedding_weight == margin_weight == 0:
            raise WrankError("loss.embedding_weight and loss.margin_weight are both 0: nothing would be learned.")
        self.embedding_weight, self.margin_weight = embedding_weight, margin_weight
        self.positive_threshold = positive_threshold

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute the loss; parts: both terms before their weights (``distance``, ``margin_gap``), and paraphrases.

        Raises:
            ValueError: paraphrases without the queries' vectors, their scores or their mask.
        """
        queries_BD, others_BMD, other_scores_BMN, mask_BM = _given(extra)
        mask_BM = mask_BM & own_BN.any(1, keepdim=True)
        used_B = mask_BM.any(1)
        others_BMD = torch.where(mask_BM[:, :, None], others_BMD, 0.0)
        queries_BD = torch.where(used_B[:, None], queries_BD, 0.0)
        distance_BM = (queries_BD[:, None] - others_BMD).square().sum(2)
        seen_BMN = mask_BM[:, :, None] & valid_BN[:, None]
        gap_BMN = (scores_BN[:, None] - torch.where(seen_BMN, other_scores_BMN, 0.0)) / self.temperature
        positive_BN = own_BN & (grades_BN >= self.positive_threshold)
        first_BMN, second_BMN = seen_BMN & positive_BN[:, None], seen_BMN & ~positive_BN[:, None]
        flat = (tensor.flatten(0, 1) for tensor in (gap_BMN, first_BMN, second_BMN))
        margin_BM = mean_square_gap_between(*flat).view_as(mask_BM)

        def over_paraphrases(value_BM: Tensor) -> Tensor:
            mean_B = torch.where(mask_BM, value_BM, 0.0).sum(1) / mask_BM.sum(1).clamp(min=1)
            return weighted_mean(mean_B, weight_B, used_B)

        distance, margin = over_paraphrases(distance_BM), over_paraphrases(margin_BM)
        parts = {
            "distance": distance,
            "margin_gap": margin,
            "paraphrases": weighted_mean(mask_BM.sum(1).to(weight_B.dtype), weight_B, used_B),
            **batch_parts(valid_BN, used_B),
        }
        return LossOutput(self.embedding_weight * distance + self.margin_weight * margin, parts)


def _given(extra: Extra) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries, paraphrases, the paraphrases' scores and their mask; refused where one of them is missing."""
    assert extra.paraphrases_BMD is not None  # forward has checked it
    queries_BD, scores_BMN, mask_BM = extra.queries_BD, extra.paraphrase_scores_BMN, extra.paraphrase_mask_BM
    if queries_BD is None or scores_BMN is None or mask_BM is None:
        raise ValueError(
            "Coherence needs queries_BD, paraphrase_scores_BMN and paraphrase_mask_BM with paraphrases_BMD"
        )
    return queries_BD, extra.paraphrases_BMD, scores_BMN, mask_BM
