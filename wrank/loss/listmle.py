"""ListMLE: likelihood of the order of the grades, under Plackett and Luce."""

from typing import ClassVar, get_args

from torch import Tensor

from wrank.loss.base import Loss, LossOutput, batch_parts, check_above_zero, check_choice, weighted_mean
from wrank.loss.own_list import Contest, OtherQueries, contest, masked_logsumexp_last


class ListMLE(Loss):
    r"""Minus the log likelihood that passages drawn one after the other by softmax come in the order of their grades.

    Without ties, for passages in falling order of grades:

    .. math:: \ell = -\sum_i \log \frac{e^{s_i / \tau}}{\sum_{j \ge i} e^{s_j / \tau}}

    Ties. Grades have few levels, so an order is a sequence of buckets: m passages of one grade, of weights
    w = exp(s / tau) with sum W, above all passages of lower grades, of sum R. A bucket's term is

    .. math:: -\log \prod_{l=0}^{m-1} \frac{w_{(l)}}{W / m + R / (m - l)}

    that is Efron's approximation of tied events in Cox's likelihood, which is the same likelihood, times the m! orders
    that are all right. Why this one: breaking ties by position would teach the order of the file; the sum over all
    orders of a bucket takes 2^m terms. This one does not depend on the order of passages, is exactly the likelihood of
    the bucket order where the tied scores are equal, is exactly ListMLE without ties, is never below 0 and costs
    nothing. Where tied scores differ it also draws them together, mildly. The lowest bucket has no term: nothing is
    below it, so every order of it is right.

    Source: Xia, Liu, Wang, Zhang and Li, "Listwise Approach to Learning to Rank: Theory and Algorithm" (ICML 2008);
    ties after Efron, "The Efficiency of Cox's Likelihood Function for Censored Data" (JASA 72, 1977).

    Needs: grades or binary labels; only their order counts, not their distances. A query none of whose own passages has
    a worse one to be above has nothing to learn from. The value is a sum over the passages above the lowest bucket, as
    published, so long lists weigh more than short ones.

    Neighbours: ``listnet`` and ``kl`` read distances of grades too; ``ranknet`` takes pairs one by one; with one
    positive this is ``infonce``.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        other_queries: ``grade_zero`` (passages of other queries stand in the bucket of grade 0) or ``leave_out``.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown choice.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"grades"})
    source: ClassVar[str] = "Xia et al. (2008), Listwise Approach to Learning to Rank, ICML; ties: Efron (1977), JASA"
    formula: ClassVar[str] = (
        "-sum_i log(exp(s_i) / sum_{j at or after i} exp(s_j)), passages in falling order of grades"
    )

    def __init__(self, *, temperature: float, other_queries: OtherQueries = "grade_zero") -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.other_queries = check_choice("other_queries", other_queries, get_args(OtherQueries))

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["ranked"]`` is the number of passages of a query that have one below them."""
        c = contest(scores_BN / self.temperature, grades_BN, own_BN, valid_BN, self.other_queries)
        ranked_BK = c.below_BKN.any(2)
        used_B = ranked_BK.any(1)
        loss_B = _terms(c, ranked_BK).sum(1)
        parts = {"ranked": weighted_mean(ranked_BK.sum(1).to(loss_B.dtype), weight_B, used_B)}
        return LossOutput(weighted_mean(loss_B, weight_B, used_B), {**parts, **batch_parts(c.field_BN, used_B)})


def _terms(c: Contest, ranked_BK: Tensor) -> Tensor:
    """Each own passage's share of minus the log likelihood [B, K]; 0 in the lowest bucket."""
    tied_BKK = ranked_BK[:, :, None] & c.own_BK[:, None, :] & (c.grades_BK[:, :, None] == c.grades_BK[:, None, :])
    count_BK = tied_BKK.sum(2)
    left_BK = count_BK - tied_BKK.tril(-1).sum(2)  # m - l, where l of its bucket came before: the sum knows no order
    log_count_BK, log_left_BK = (x.clamp(min=1).to(c.scores_BK.dtype).log() for x in (count_BK, left_BK))
    bucket_BK = masked_logsumexp_last(c.scores_BK[:, None, :], tied_BKK) - log_count_BK
    below_BK = masked_logsumexp_last(c.scores_BN[:, None, :], c.below_BKN) - log_left_BK
    return (bucket_BK.logaddexp(below_BK) - c.scores_BK).where(ranked_BK, 0.0)
