"""Rocchio: the query moves towards the relevant passages and away from the others."""

import numpy as np

from wrank.evaluation.feedback.base import Case, FeedbackMethod, Similarity, check_similarity, check_weight, prepared


class Rocchio(FeedbackMethod):
    """Similarity of the candidate to a query that has been moved.

    score(d) = (alpha * q + beta * mean of the relevant - gamma * mean of the non-relevant) . d

    With ``cosine`` every vector has length 1 before the sum; the moved query is not scaled again, which changes no
    order. The mean of no passage is 0.

    Source: Rocchio 1971, "Relevance feedback in information retrieval"; the usual weights (1, 0.75, 0.15) are those of
    Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", section 9.1.

    Neighbours: `KNN` adds up instead of taking means.

    Args:
        similarity: ``cosine``, or ``dot`` for models trained on dot products.
        alpha: weight of the query; no unit, from 0.
        beta: weight of the relevant passages' mean.
        gamma: weight of the non-relevant passages' mean.

    Raises:
        WrankError: a value out of its range.
    """

    name = "rocchio"

    def __init__(
        self, *, similarity: Similarity = "cosine", alpha: float = 1.0, beta: float = 0.75, gamma: float = 0.15
    ) -> None:
        self.similarity = check_similarity("Rocchio similarity", similarity)
        self.alpha = check_weight("Rocchio alpha", alpha)
        self.beta = check_weight("Rocchio beta", beta)
        self.gamma = check_weight("Rocchio gamma", gamma)

    def score(self, case: Case) -> np.ndarray:
        """See the class; float64 [C]."""
        moved_D = (
            self.alpha * prepared(case.query_D, self.similarity)
            + self.beta * self._mean(case.relevant_RD)
            - self.gamma * self._mean(case.nonrelevant_SD)
        )
        return prepared(case.candidates_CD, self.similarity) @ moved_D

    def _mean(self, vectors_ND: np.ndarray) -> np.ndarray:
        return prepared(vectors_ND, self.similarity).sum(axis=0) / max(len(vectors_ND), 1)
