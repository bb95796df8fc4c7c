"""Pointwise binary cross-entropy on graded probabilities."""

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean

OtherPassages = Literal["zero", "leave_out"]


class BCEGraded(Loss):
    r"""Binary cross-entropy between each passage's grade, read as a probability, and the sigmoid of its score.

    .. math:: \ell = \frac{1}{N} \sum_i -y_i \log \sigma(\alpha s_i + \beta) - (1 - y_i) \log \sigma(-\alpha s_i
        - \beta), \quad y_i = \frac{g_i}{g_{max}}

    Shapes: i runs over the query's N valid passages; y of another query's passage is 0. alpha = exp of a parameter, so
    it stays above 0; alpha and beta are learned with the model, unless ``learn`` is False.

    Source: Tsirigotis, Adlakha, Monteiro, Courville and Taslakian, "BiXSE: Improving Dense Retrieval via
    Probabilistic Graded Relevance Distillation" (arXiv 2508.06781, 2025). Read there: the abstract and the beginning
    of the text, which say: cross-entropy on graded scores as probabilities, pointwise, with in-batch negatives. Could
    not be read, so not verified: where its scale and bias start, and whether it divides by the number of passages, as
    here, or of queries (a factor of N). Scale and bias as parameters, which it has in common with SigLIP (Zhai et al.,
    arXiv 2303.15343), start where the preset puts them.

    Needs: grades, on a scale whose steps are alike; one graded passage a query is enough. Grades outside 0..max_grade
    are clipped, which ``parts["targets_clipped"]`` counts. A query without an own valid passage has nothing to learn
    from. Minimum: the entropy of the targets, where sigmoid(alpha s + beta) = y: scores then mean the same for every
    query, which list-wise losses do not ask for.

    Alpha and beta move at the model's learning rate: at 1e-5 that is little, so choose their start with care.

    Neighbours: ``kl`` compares the passages of a list with one another; with grades 0 and 1 only, this is SigLIP's.

    Args:
        max_grade: the grade that means probability 1; above 0.
        scale: where alpha starts; above 0, per unit of the score (about 20 for cosine, 1 for dot products).
        bias: where beta starts; below 0 where most passages are not relevant. -bias / scale is the score of
            probability 0.5.
        learn: whether alpha and beta are trained.
        other_passages: ``zero``: other queries' passages have probability 0; ``leave_out``: they take no part.

    Raises:
        WrankError: a scale or largest grade that is not above 0, a bias that is no number, or an unknown choice.
    """

    source: ClassVar[str] = (
        "Tsirigotis et al. (2025), BiXSE: Improving Dense Retrieval via Probabilistic Graded Relevance Distillation, "
        "arXiv 2508.06781"
    )
    formula: ClassVar[str] = "mean of BCE(sigmoid(alpha s + beta), grade / max_grade), alpha and beta learned"

    def __init__(
        self,
        *,
        max_grade: float,
        scale: float,
        bias: float,
        learn: bool = True,
        other_passages: OtherPassages = "zero",
    ) -> None:
        super().__init__()
        self.max_grade = check_above_zero("max_grade", max_grade)
        self.other_passages = check_choice("other_passages", other_passages, get_args(OtherPassages))
        if not math.isfinite(bias):
            raise WrankError(f"loss.bias is {bias!r}, but must be a finite number.")
        # one element each, not a scalar: sharding (FSDP2) refuses scalars
        self.log_scale = nn.Parameter(torch.tensor([math.log(check_above_zero("scale", scale))]), requires_grad=learn)
        self.bias = nn.Parameter(torch.tensor([float(bias)]), requires_grad=learn)

    @property
    def temperature(self) -> float:
        """What the scores are divided by now: 1 / alpha."""
        return math.exp(-self.log_scale.item())

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: scale, bias, and the share of own passages whose grade had to be clipped."""
        used_B = own_BN.any(1)
        counted_BN = (own_BN if self.other_passages == "leave_out" else valid_BN) & used_B[:, None]
        raw_BN = grades_BN / self.max_grade
        target_BN = raw_BN.clamp(0, 1)
        logits_BN = scores_BN * self.log_scale.exp() + self.bias
        each_BN = binary_cross_entropy_with_logits(logits_BN, target_BN, reduction="none")
        loss_B = torch.where(counted_BN, each_BN, 0.0).sum(1) / counted_BN.sum(1).clamp(min=1)
        parts = {
            "scale": self.log_scale.exp().squeeze(0),
            "bias": self.bias.squeeze(0),
            "targets_clipped": (raw_BN != target_BN).sum() / own_BN.sum().clamp(min=1),
            **batch_parts(counted_BN, used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)

    def extra_repr(self) -> str:
        """Show the settings and where scale and bias stand."""
        return f"{super().extra_repr()}, scale={self.log_scale.exp().item():.6g}, bias={self.bias.item():.6g}"
