"""RankNet: logistic loss over pairs of different grades."""

from typing import ClassVar, get_args

from torch import Tensor
from torch.nn.functional import softplus

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean
from wrank.loss.own_list import OtherQueries, contest


class RankNet(Loss):
    r"""Logistic loss of each pair of passages with different grades, averaged over the pairs of a query.

    .. math:: \ell = \frac{1}{|\mathcal P|} \sum_{(i, j) \in \mathcal P} \log (1 + e^{-(s_i - s_j) / \tau}), \quad
        \mathcal P = \{(i, j): g_i > g_j\}

    Shapes: i runs over the own valid passages; j over these and, with ``other_queries: grade_zero``, over the other
    valid passages, which are then below every own passage of a grade above 0. Pairs of equal grades say nothing and are
    left out (the published target of 1/2 would draw their scores together).

    Source: Burges, Shaked, Renshaw, Lazier, Deeds, Hamilton and Hullender, "Learning to Rank using Gradient Descent"
    (ICML 2005), with certain preferences (target probability 1). The mean over pairs is ours: so a query counts by its
    weight, not by how many pairs it has.

    Needs: grades or binary labels; only their order counts. A query without a pair has nothing to learn from.

    Neighbours: ``lambda_loss`` weighs the pairs by what they mean for nDCG; ``pair_kl`` takes preferences with
    probabilities; ``margin_mse`` wants distances of scores as large as the teacher's. With many other queries' passages
    the mean is over mostly easy pairs; the hard ones count more in ``infonce``, ``kl`` and ``listmle``.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        other_queries: ``grade_zero`` or ``leave_out``, see above.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"grades"})
    source: ClassVar[str] = "Burges et al. (2005), Learning to Rank using Gradient Descent, ICML"
    formula: ClassVar[str] = "mean over pairs with g_i > g_j of log(1 + exp(-(s_i - s_j)))"

    def __init__(self, *, temperature: float, other_queries: OtherQueries = "grade_zero") -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.other_queries = check_choice("other_queries", other_queries, get_args(OtherQueries))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; parts: ``pairs`` of a query, and ``accuracy``, the share of them in the right order."""
        c = contest(scores_BN / self.temperature, grades_BN, own_BN, valid_BN, self.other_queries)
        margin_BKN = c.scores_BK[:, :, None] - c.scores_BN[:, None, :]
        pairs_B = c.below_BKN.sum((1, 2)).to(margin_BKN.dtype)
        used_B = pairs_B > 0
        loss_B = softplus(-margin_BKN).where(c.below_BKN, 0.0).sum((1, 2)) / pairs_B.clamp(min=1)
        right_B = ((margin_BKN > 0) & c.below_BKN).sum((1, 2)) / pairs_B.clamp(min=1)
        parts = {
            "pairs": weighted_mean(pairs_B, weight_B, used_B),
            "accuracy": weighted_mean(right_B, weight_B, used_B),
            **batch_parts(c.field_BN, used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)
