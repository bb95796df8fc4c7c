"""ListNet: top-one cross entropy over the query's own list."""

from typing import ClassVar

from torch import Tensor

from wrank.loss.base import ListWiseLoss, LossOutput, batch_parts, weighted_mean


class ListNet(ListWiseLoss):
    r"""Cross entropy of the two top-one distributions, over the query's own passages only.

    .. math:: \ell = -\sum_i T_i \log P_i, \quad
        P = \mathrm{softmax}(s / \tau), \quad T = \mathrm{softmax}(g / \tau_{label})

    Shapes: i runs over the own valid passages (at most K); columns of other queries are ignored, so ``in_batch``
    changes nothing.

    Source: Cao, Qin, Liu, Tsai and Li, "Learning to Rank: From Pairwise Approach to Listwise Approach" (ICML 2007),
    top-one case.

    Needs: grades, and own lists long enough to hold easy passages too: nothing else teaches the model that the rest of
    the collection is not relevant. A query with fewer than two own valid passages, or with only grades 0, has nothing
    to learn from.

    Minimum: the entropy of T (logged as ``target_entropy``), at P = T; the gradient is that of ``kl`` on the own list.

    Neighbours: ``kl`` adds other queries' passages as negatives, the usual choice for retrieval; this one suits
    reranking.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        label_temperature: divides the grades; above 0, in grades.
    """

    source: ClassVar[str] = (
        "Cao, Qin, Liu, Tsai and Li (2007), Learning to Rank: From Pairwise Approach to Listwise Approach, ICML"
    )
    formula: ClassVar[str] = "cross-entropy of softmax(grades) and softmax(s) over the own list"

    def __init__(self, *, temperature: float, label_temperature: float = 1.0) -> None:
        super().__init__(temperature=temperature, label_temperature=label_temperature, in_batch_target="none")

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["target_entropy"]`` (nats) is the lowest value that it could reach here."""
        d = self.distributions(scores_BN, grades_BN, own_BN, own_BN)
        loss = weighted_mean(-(d.t_BN * d.log_p_BN).sum(1), weight_B, d.used_B)
        entropy = weighted_mean(-(d.t_BN * d.log_t_BN).sum(1), weight_B, d.used_B)
        return LossOutput(loss, {"target_entropy": entropy, **batch_parts(own_BN, d.used_B)})
