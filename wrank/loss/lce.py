"""Localized contrastive estimation: softmax over the query's own group, for rerankers."""

from typing import ClassVar

from torch import Tensor

from wrank.loss.base import LossOutput
from wrank.loss.infonce import InfoNCE


class LCE(InfoNCE):
    r"""Group softmax: each positive of the own list against the negatives of that list only.

    .. math:: \ell = \frac{1}{|\mathcal P|} \sum_{p \in \mathcal P} -\log
        \frac{e^{s_p / \tau}}{e^{s_p / \tau} + \sum_{n \in \mathcal N} e^{s_n / \tau}}, \quad
        \mathcal P \cup \mathcal N \subseteq \text{own list}

    Shapes: i runs over the own valid passages (at most K); columns of other queries are ignored, so ``in_batch``
    changes nothing. "Localized": the negatives are those that the first retriever puts near the top (mined ones), which
    is what a reranker has to tell apart.

    Source: Gao, Dai and Callan, "Rethink Training of BERT Rerankers in Multi-Stage Retrieval Pipeline" (ECIR 2021,
    arXiv 2101.08751), with one positive a group; several are averaged, each without the others, as in ``infonce``.
    arXiv 2510.01229 uses it for rerankers, too; it could not be read, so nothing is taken from it.

    Needs: binary labels or grades, and hard negatives in the own list. A query without a positive, or without a
    negative, in its own list has nothing to learn from.

    Neighbours: ``infonce`` with other queries' passages as further negatives, for retrievers; ``listnet`` for graded
    own lists; ``bce_graded`` for pointwise training of rerankers.

    Args: those of ``InfoNCE``; a cross-encoder's logits want ``temperature: 1``.
    """

    source: ClassVar[str] = "Gao, Dai and Callan (2021), Rethink Training of BERT Rerankers, arXiv 2101.08751"
    formula: ClassVar[str] = "-log(exp(s_p) / (exp(s_p) + sum over own negatives of exp(s_n))), mean over own positives"

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss; ``parts["accuracy"]`` is the share of positives above every negative of their list."""
        return super().compute(scores_BN, grades_BN, own_BN, own_BN, weight_B)
