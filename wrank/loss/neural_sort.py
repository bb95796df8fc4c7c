"""NeuralSort: cross entropy of a relaxed permutation matrix with the order of the grades."""

from typing import ClassVar

import torch
from torch import Tensor

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, weighted_mean
from wrank.loss.own_list import masked_logsumexp_last, own_order


class NeuralSort(Loss):
    r"""Cross entropy between the order of the grades and the relaxed permutation matrix that sorts the scores.

    .. math:: \hat P_{r, \cdot} = \mathrm{softmax}\left( \frac{(n + 1 - 2r)\, s - A 1}{\tau} \right), \quad
        A_{jk} = |s_j - s_k|, \quad \ell = -\frac{1}{n} \sum_{r=1}^{n} \log \sum_{j: g_j = g_{(r)}} \hat P_{r, j}

    Shapes: n own valid passages; row r of P-hat says which of them stands at rank r (1 = highest score) and g_(r) is
    the r-th highest grade. Only the own list takes part, so ``in_batch`` changes nothing.

    Objective: of the two in use, cross entropy of the matrix's rows, as in the source's sorting experiments; not nDCG
    of the sorted gains, which needs Sinkhorn steps, because columns of P-hat need not sum to 1 and gains would count
    twice (see ``approx_ndcg`` and ``lambda_loss`` for nDCG). Without ties it is the published form. With ties a rank
    wants any passage of the right grade: the mass of all of them counts, so their order in the file does not matter.

    Source: Grover, Wang, Zweig and Ermon, "Stochastic Optimization of Sorting Networks via Continuous Relaxations"
    (ICLR 2019, arXiv 1903.08850); the deterministic relaxation.

    Needs: grades or binary labels; only their order counts. Own lists long enough to hold easy passages too, as in
    ``listnet``. A query whose own valid passages all have one grade has nothing to learn from.

    Neighbours: ``listmle`` is the likelihood of drawing that order one by one, which looks at the top first; here every
    rank counts alike, the last as much as the first.

    Args:
        temperature: tau; divides the scores; above 0, in units of the score. Ranks multiply scores by up to n - 1, so
            it is larger than that of a softmax: about 0.2 for cosine and lists of 8.

    Raises:
        WrankError: a temperature that is not above 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"grades"})
    source: ClassVar[str] = "Grover et al. (2019), Stochastic Optimization of Sorting Networks, arXiv 1903.08850"
    formula: ClassVar[str] = (
        "-mean over ranks r of log P_r(right grade), P_r = softmax((n + 1 - 2r) s_j - sum_k |s_j - s_k|)"
    )

    def __init__(self, *, temperature: float) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["top_mass"]`` is the mass that the first row gives to the best grade."""
        order_BK = own_order(own_BN)
        own_BK, grades_BK = own_BN.gather(1, order_BK), grades_BN.gather(1, order_BK)
        wanted_BK = (
            grades_BK.where(own_BK, -torch.inf).sort(1, descending=True).values
        )  # grade that belongs at each rank
        n_B = own_BK.sum(1)
        rank_K = torch.arange(1, own_BK.shape[1] + 1, device=own_BK.device)
        real_BK = rank_K <= n_B[:, None]
        logits_BRK = self._logits(scores_BN.gather(1, order_BK), own_BK, n_B, rank_K)
        member_BRK = own_BK[:, None, :].expand_as(logits_BRK) & real_BK[:, :, None]
        right_BRK = member_BRK & (grades_BK[:, None, :] == wanted_BK[:, :, None])
        log_mass_BR = masked_logsumexp_last(logits_BRK, right_BRK) - masked_logsumexp_last(logits_BRK, member_BRK)
        used_B = (member_BRK & ~right_BRK).any(2).any(1)
        loss_B = -log_mass_BR.sum(1) / n_B.clamp(min=1)
        parts = {"top_mass": weighted_mean(log_mass_BR[:, 0].exp(), weight_B, used_B), **batch_parts(own_BN, used_B)}
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), parts)

    def _logits(self, scores_BK: Tensor, own_BK: Tensor, n_B: Tensor, rank_R: Tensor) -> Tensor:
        """Logits of P-hat [B, R, K], R ranks."""
        scores_BK = scores_BK / self.temperature
        apart_BKK = (scores_BK[:, :, None] - scores_BK[:, None, :]).abs()
        apart_BK = apart_BKK.where(own_BK[:, None, :], 0.0).sum(2)
        factor_BR = (n_B[:, None] + 1 - 2 * rank_R).to(scores_BK.dtype)
        return factor_BR[:, :, None] * scores_BK[:, None, :] - apart_BK[:, None, :]
