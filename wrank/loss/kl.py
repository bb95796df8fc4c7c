"""List-wise Kullback-Leibler divergence."""

from typing import ClassVar

from torch import Tensor

from wrank.loss.base import ListWiseLoss, LossOutput, batch_parts, weighted_mean


class KL(ListWiseLoss):
    r"""List-wise KL divergence from the target to the scores, per query, averaged over queries.

    .. math:: \ell = \sum_i T_i \, (\log T_i - \log P_i), \quad
        P = \mathrm{softmax}(s / \tau), \quad T = \mathrm{softmax}(g / \tau_{label})

    Shapes: P and T are rows [N] of one query; which passages T runs over is ``in_batch_target`` (see ``ListWiseLoss``).

    Source: the loss of soft labels in distillation (Hinton, Vinyals and Dean, arXiv 1503.02531, 2015) on lists; the
    list-wise baseline of SyCL (arXiv 2503.23239), which is ``in_batch_target: graded_zero`` with both temperatures 1.

    Needs: grades, two levels or more; a teacher's scores may stand in for grades. Minimum: 0, at P = T. Its gradient in
    the scores is (P - T) / temperature, so it never dies out for a confident wrong order, unlike those of ``ws2``,
    ``ws2_paired`` and ``w1_grade``.

    Neighbours: ``listnet`` leaves other queries' passages out; ``infonce`` takes all positives as equal; ``ws2``
    compares whole batches; ``w1_grade`` counts how far on the grade axis the mass is off.
    """

    source: ClassVar[str] = (
        "Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, arXiv 1503.02531, on lists"
    )
    formula: ClassVar[str] = "KL(softmax(grades / label_temperature) || softmax(s / temperature)), a query by itself"

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: the entropy of T (nats) and its mass on the query's own list."""
        d = self.distributions(scores_BN, grades_BN, own_BN, valid_BN)
        loss_B = (d.t_BN * (d.log_t_BN - d.log_p_BN)).sum(1)
        parts = {
            "target_entropy": weighted_mean(-(d.t_BN * d.log_t_BN).sum(1), weight_B, d.used_B),
            "own_target_mass": weighted_mean((d.t_BN * own_BN).sum(1), weight_B, d.used_B),
            **batch_parts(valid_BN, d.used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, d.used_B), parts)
