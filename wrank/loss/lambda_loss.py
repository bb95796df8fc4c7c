"""LambdaLoss: pairs weighted by what they mean for nDCG."""

from typing import ClassVar, Literal, get_args

from torch import Tensor
from torch.nn.functional import softplus

from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean
from wrank.loss.own_list import Contest, Gain, OtherQueries, contest, discount, gains, ideal_dcg, worst_ranks

Weight = Literal["lambda_rank", "ndcg_loss2", "ndcg_loss2pp"]
_LOG_2 = 0.6931471805599453


class LambdaLoss(Loss):
    r"""Logistic loss of pairs of different grades, each weighted by the nDCG that the pair is worth at its ranks.

    .. math:: \ell = \sum_{g_i > g_j} w_{ij} \log_2 (1 + e^{-(s_i - s_j) / \tau}), \quad
        w_{ij} = |G_i - G_j| \cdot \{\rho_{ij}, \; \delta_{ij}, \; \rho_{ij} + \mu \delta_{ij}\}

    .. math:: \rho_{ij} = \left| \frac{1}{D_i} - \frac{1}{D_j} \right|, \quad
        \delta_{ij} = \left| \frac{1}{D_{|i - j|}} - \frac{1}{D_{|i - j| + 1}} \right|

    where i and j are also the ranks by score, D_r = log2(1 + r), G = (2^grade - 1) / DCG of the best order. The three
    weights are ``lambda_rank`` (what swapping the pair changes in nDCG), ``ndcg_loss2`` (a bound of the cost in nDCG)
    and ``ndcg_loss2pp`` (their mixture, best in the paper). Weights are constants: no gradient runs through ranks.

    Ranks of equal scores: the worst order counts, lower grades first (see ``worst_ranks``), so the order in the file
    does not matter and a constant score is not a point without gradient under ``lambda_rank``.

    Source: Wang, Li, Golbandi, Bendersky and Najork, "The LambdaLoss Framework for Ranking Metric Optimization" (CIKM
    2018); lambda_rank: Burges, Ragno and Le (NIPS 2006).

    Needs: grades whose gains mean something, or binary labels. A query none of whose own passages has both a gain and a
    worse one to be above has nothing to learn from. Ranks are among the passages that take part, so with
    ``grade_zero`` the loss depends on how many other queries there are. The value jumps where two scores change places.

    Neighbours: ``ranknet`` has the same pairs with weight 1; ``approx_ndcg`` smooths the ranks instead.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        weight: ``lambda_rank``, ``ndcg_loss2`` or ``ndcg_loss2pp``.
        mu: share of ndcg_loss2 in ``ndcg_loss2pp``, 0 or above; 10 in the paper.
        gain: ``exponential`` (2^grade - 1) or ``linear`` (the grade).
        other_queries: ``grade_zero`` (passages of other queries take part, without gain) or ``leave_out``.

    Raises:
        WrankError: a temperature that is not above 0, a mu below 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"grades"})
    source: ClassVar[str] = "Wang et al. (2018), The LambdaLoss Framework for Ranking Metric Optimization, CIKM"
    formula: ClassVar[str] = (
        "sum over pairs with g_i > g_j of w_ij log2(1 + exp(-(s_i - s_j))), w from nDCG at the ranks"
    )

    def __init__(
        self,
        *,
        temperature: float,
        weight: Weight = "ndcg_loss2pp",
        mu: float = 10.0,
        gain: Gain = "exponential",
        other_queries: OtherQueries = "grade_zero",
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.weight = check_choice("weight", weight, get_args(Weight))
        if not 0 <= mu < float("inf"):
            raise WrankError(f"loss.mu is {mu!r}, but must be a finite number, 0 or above.")
        self.mu = mu
        self.gain = check_choice("gain", gain, get_args(Gain))
        self.other_queries = check_choice("other_queries", other_queries, get_args(OtherQueries))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["ndcg"]`` is the nDCG of the passages that take part, ties in the worst order."""
        c = contest(scores_BN / self.temperature, grades_BN, own_BN, valid_BN, self.other_queries)
        ranks_BN = worst_ranks(c.scores_BN, c.grades_BN, c.field_BN)
        gains_BN = gains(c.grades_BN, self.gain)
        gains_BK = gains_BN.gather(1, c.order_BK).where(c.own_BK, 0.0)
        ideal_B = ideal_dcg(gains_BK, c.own_BK)
        ideal_B11 = ideal_B.where(ideal_B > 0, 1.0)[:, None, None]
        difference_BKN = (gains_BK[:, :, None] - gains_BN[:, None, :]) / ideal_B11
        weight_BKN = (difference_BKN * self._at_ranks(c, ranks_BN)).where(c.below_BKN, 0.0)
        used_B = (weight_BKN > 0).any(2).any(1)
        margin_BKN = c.scores_BK[:, :, None] - c.scores_BN[:, None, :]
        loss_B = (weight_BKN * softplus(-margin_BKN)).sum((1, 2)) / _LOG_2
        dcg_B = (gains_BK * discount(ranks_BN.gather(1, c.order_BK))).sum(1)
        parts = {
            "ndcg": weighted_mean(dcg_B / ideal_B11[:, 0, 0], weight_B, used_B),
            **batch_parts(c.field_BN, used_B),
        }
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)

    def _at_ranks(self, c: Contest, ranks_BN: Tensor) -> Tensor:
        """What a difference of 1 in gain is worth at the ranks of a pair [B, K, N]."""
        row_BK1, column_B1N = ranks_BN.gather(1, c.order_BK)[:, :, None], ranks_BN[:, None, :]
        rho_BKN = (discount(row_BK1) - discount(column_B1N)).abs()
        if self.weight == "lambda_rank":
            return rho_BKN
        apart_BKN = (row_BK1 - column_B1N).abs().clamp(min=1)  # 0 only for a passage beside itself, which is no pair
        delta_BKN = discount(apart_BKN) - discount(apart_BKN + 1)
        return delta_BKN if self.weight == "ndcg_loss2" else rho_BKN + self.mu * delta_BKN
