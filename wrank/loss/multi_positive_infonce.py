"""Contrastive loss with several positives in one softmax."""

from typing import ClassVar, Literal, get_args

from torch import Tensor

from wrank.loss.base import (
    Loss,
    LossOutput,
    batch_parts,
    check_above_zero,
    check_choice,
    masked_logsumexp,
    masked_softmax,
    weighted_mean,
)

Form = Literal["mean_outside", "sum_inside"]


class MultiPositiveInfoNCE(Loss):
    r"""All passages of a query in one softmax P; its positives are averaged outside the logarithm or summed inside it.

    .. math:: \text{mean\_outside:}\quad \ell = -\frac{1}{|\mathcal P|} \sum_{p \in \mathcal P} \log P_p, \qquad
        \text{sum\_inside:}\quad \ell = -\log \sum_{p \in \mathcal P} P_p, \qquad P = \mathrm{softmax}(s / \tau)

    Shapes: P is a row [N] over all valid passages, own and in-batch; positives are the query's own valid passages of
    grade >= ``positive_threshold``.

    ``mean_outside`` wants all positives at once and alike: it is lowest, at log of their number, where they share all
    the mass evenly. ``sum_inside`` wants mass on any of them and is content with one: its gradient goes to the positive
    that is already highest, so it forgives positives that are wrong. With one positive both are InfoNCE.

    Source: mean_outside: Khosla et al., "Supervised Contrastive Learning" (NeurIPS 2020, arXiv 2004.11362), its L_out;
    sum_inside: its L_in up to a constant, and the marginal likelihood of several answers. The issue names CFR: Sriram,
    Xu, Choi and Durrett, "Contrastive Learning to Improve Retrieval for Real-world Fact Checking" (arXiv 2410.04657).
    Only its abstract and a third party's summary could be read here (InfoNCE on cosine, temperature 0.05, several
    positives a query): which of the forms it takes, and whether a positive's denominator holds the other positives, was
    NOT verified. If it leaves them out, ``infonce`` with ``positives: all`` is that form.

    Needs: binary labels or grades. A query without a positive, or without a negative, has nothing to learn from.

    Neighbours: ``infonce`` leaves the other positives out of each positive's denominator; ``kl`` with a high
    ``label_temperature`` on binary labels comes close to ``mean_outside``.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        positive_threshold: lowest grade that makes a passage positive, inclusive.
        form: ``mean_outside`` or ``sum_inside``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown form.
    """

    source: ClassVar[str] = (
        "Khosla et al. (2020), Supervised Contrastive Learning, arXiv 2004.11362; named after CFR, Sriram et al. "
        "(2024), arXiv 2410.04657 (its exact form not verified)"
    )
    formula: ClassVar[str] = "-mean over positives of log P_p, or -log of the sum of P_p, with P = softmax(s) over all"

    def __init__(self, *, temperature: float, positive_threshold: float = 1.0, form: Form = "mean_outside") -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.positive_threshold = positive_threshold
        self.form = check_choice("form", form, get_args(Form))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: ``positives`` of a query, and ``positive_mass``, their share of P."""
        positive_BN = own_BN & (grades_BN >= self.positive_threshold)
        used_B = positive_BN.any(1) & (valid_BN & ~positive_BN).any(1)
        positive_BN, all_BN = positive_BN & used_B[:, None], valid_BN & used_B[:, None]
        logits_BN = scores_BN / self.temperature
        total_B1 = masked_logsumexp(logits_BN, all_BN)
        count_B = positive_BN.sum(1).to(logits_BN.dtype)
        if self.form == "sum_inside":
            loss_B = (total_B1 - masked_logsumexp(logits_BN, positive_BN))[:, 0]
        else:
            loss_B = (total_B1 - logits_BN).where(positive_BN, 0.0).sum(1) / count_B.clamp(min=1)
        mass_B = masked_softmax(logits_BN, all_BN).where(positive_BN, 0.0).sum(1)
        parts = {
            "positives": weighted_mean(count_B, weight_B, used_B),
            "positive_mass": weighted_mean(mass_B, weight_B, used_B),
            **batch_parts(valid_BN, used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)
