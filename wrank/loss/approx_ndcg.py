"""ApproxNDCG: nDCG with ranks made smooth."""

from typing import ClassVar, get_args

import torch
from torch import Tensor

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean
from wrank.loss.own_list import Gain, OtherQueries, contest, discount, gains, ideal_dcg


class ApproxNDCG(Loss):
    r"""One minus nDCG, where a passage's rank is 1 plus how many others are above it, each counted by a sigmoid.

    .. math:: \ell = 1 - \frac{1}{Z} \sum_i \frac{2^{g_i} - 1}{\log_2 (1 + \pi_i)}, \quad
        \pi_i = 1 + \sum_{j \ne i} \frac{1}{1 + e^{(s_i - s_j) / \tau}}

    Shapes: i runs over the own valid passages; j over these and, with ``other_queries: grade_zero``, over the other
    valid passages. Z is the DCG of the best order, so the loss lies between 0 and 1.

    Source: Qin, Liu and Li, "A general approximation framework for direct optimization of information retrieval
    measures" (Information Retrieval 13, 2010); its alpha is 1 / temperature.

    Needs: grades whose gains mean something, or binary labels. A query none of whose own passages has both a gain and a
    worse one to be above has nothing to learn from.

    The temperature is a trade: a small one comes close to nDCG, but where all scores are far apart beside it the
    gradient dies out, also for a wrong order; a large one has gradients everywhere and ranks near the middle.

    Neighbours: ``lambda_loss`` keeps its gradient for confident wrong orders; ``neural_sort`` smooths the permutation.

    Args:
        temperature: divides the scores in the sigmoid; above 0, in units of the score (about 0.1 for cosine).
        gain: ``exponential`` (2^grade - 1) or ``linear`` (the grade).
        other_queries: ``grade_zero`` (passages of other queries are ranked too, without gain) or ``leave_out``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"grades"})
    source: ClassVar[str] = (
        "Qin, Liu and Li (2010), A general approximation framework for direct optimization of information retrieval "
        "measures, Information Retrieval 13"
    )
    formula: ClassVar[str] = "1 - DCG / ideal DCG, with rank_i = 1 + sum over j of sigmoid(s_j - s_i)"

    def __init__(
        self, *, temperature: float, gain: Gain = "exponential", other_queries: OtherQueries = "grade_zero"
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.gain = check_choice("gain", gain, get_args(Gain))
        self.other_queries = check_choice("other_queries", other_queries, get_args(OtherQueries))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["best_rank"]`` is the smoothed rank of the passage that stands highest."""
        c = contest(scores_BN / self.temperature, grades_BN, own_BN, valid_BN, self.other_queries)
        above_BKN = (c.scores_BN[:, None, :] - c.scores_BK[:, :, None]).sigmoid()
        ranks_BK = above_BKN.where(c.field_BN[:, None, :], 0.0).sum(2) + 0.5  # a passage counts itself by a half
        ranks_BK = ranks_BK.where(c.own_BK, 1.0)
        gains_BK = gains(c.grades_BK, self.gain).where(c.own_BK, 0.0)
        ideal_B = ideal_dcg(gains_BK, c.own_BK)
        used_B = (c.below_BKN.any(2) & (gains_BK > 0)).any(1)
        loss_B = 1 - (gains_BK * discount(ranks_BK)).sum(1) / ideal_B.where(ideal_B > 0, 1.0)
        best_B = ranks_BK.where(c.own_BK, torch.inf).amin(1)
        parts = {"best_rank": weighted_mean(best_B, weight_B, used_B), **batch_parts(c.field_BN, used_B)}
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)
