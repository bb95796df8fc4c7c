"""List-wise Kullback-Leibler divergence from a teacher's scores."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from wrank.loss.base import (
    Loss,
    LossOutput,
    batch_parts,
    check_above_zero,
    check_choice,
    masked_log_softmax,
    weighted_mean,
)
from wrank.loss.extra import Extra

OtherPassages = Literal["leave_out", "negative"]


class TeacherKL(Loss):
    r"""List-wise distillation: KL divergence from the softmax of a teacher's scores to the softmax of the scores.

    .. math:: \ell = \sum_i T_i \, (\log T_i - \log P_i), \quad
        P = \mathrm{softmax}(s / \tau), \quad T = \mathrm{softmax}(t / \tau_{teacher})

    Shapes: i runs over the own valid passages that the teacher has scored; with ``other_passages: negative`` P runs
    over other queries' passages too, whose target is 0.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (arXiv 1503.02531, 2015), on
    lists. With temperatures 0.05 and 0.3 and ``leave_out``, the list-wise part of CADET: Tamber et al., "Conventional
    Contrastive Learning Often Falls Short" (arXiv 2505.19274, 2025), as its published training code computes it. Unlike
    Hinton's, the gradient is not multiplied by the square of a temperature, and the two temperatures may differ.

    Needs: teacher scores, as ``wrank score`` writes them; grades are not read. A query with fewer than two scored own
    passages has nothing to learn from; an own passage without a teacher's score takes no part. Minimum: 0, at P = T.

    Neighbours: ``kl`` has the softmax of grades for T; ``margin_mse`` matches differences, not shares; ``pair_kl``
    learns from preferences between two passages.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        teacher_temperature: divides the teacher's scores; above 0, in units of them.
        other_passages: ``leave_out`` other queries' passages, or hold them to be ``negative``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"teacher"})
    source: ClassVar[str] = (
        "Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, arXiv 1503.02531; on lists, "
        "e.g. Tamber et al. (2025), arXiv 2505.19274"
    )
    formula: ClassVar[str] = "KL(T || P), T = softmax(teacher / tau_teacher), P = softmax(s / tau)"

    def __init__(
        self, *, temperature: float, teacher_temperature: float = 1.0, other_passages: OtherPassages = "leave_out"
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.teacher_temperature = check_above_zero("teacher_temperature", teacher_temperature)
        self.other_passages = check_choice("other_passages", other_passages, get_args(OtherPassages))

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute the loss; ``parts["teacher_entropy"]`` is T's (nats): how sharp the teacher is at its temperature."""
        assert extra.teacher_BN is not None  # forward has checked it
        scored_BN = own_BN & extra.teacher_BN.isfinite()
        used_B = scored_BN.sum(1) > 1
        scored_BN = scored_BN & used_B[:, None]
        others_BN = valid_BN & ~own_BN & used_B[:, None]
        softmax_BN = scored_BN | others_BN if self.other_passages == "negative" else scored_BN
        log_p_BN = masked_log_softmax(scores_BN / self.temperature, softmax_BN)
        log_t_BN = masked_log_softmax(extra.teacher_BN / self.teacher_temperature, scored_BN)
        t_BN = torch.where(scored_BN, log_t_BN.exp(), 0.0)
        parts = {
            "teacher_entropy": weighted_mean(-(t_BN * log_t_BN).sum(1), weight_B, used_B),
            **batch_parts(softmax_BN, used_B),
        }
        return LossOutput(weighted_mean((t_BN * (log_t_BN - log_p_BN)).sum(1), weight_B, used_B), parts)
