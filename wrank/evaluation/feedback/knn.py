"""Nearest neighbours: a candidate near the query and near the relevant passages is a good one."""

import numpy as np

from wrank.evaluation.feedback.base import Case, FeedbackMethod, Similarity, check_similarity, check_weight, prepared


class KNN(FeedbackMethod):
    """Sum of the candidate's similarities to the query and to the feedback passages.

    score(d) = sim(q, d) + sum over relevant r of sim(r, d) - w * sum over non-relevant n of sim(n, d)

    Source: Baumgärtner, Ribeiro, Reimers and Gurevych 2022, "Incorporating Relevance Feedback for Information-Seeking
    Retrieval using Few-Shot Document Re-Ranking" (arXiv 2210.10695). Its method is w = 0 with cosine.

    Neighbours: as a sum of dot products is the dot product with a sum, this is `Rocchio` with alpha 1, beta = the
    number of relevant and gamma = w times the number of non-relevant passages: feedback weighs more the more there is.

    Args:
        similarity: ``cosine``, or ``dot`` for models trained on dot products.
        nonrelevant_weight: w; no unit, from 0.

    Raises:
        WrankError: a value out of its range.
    """

    name = "knn"

    def __init__(self, *, similarity: Similarity = "cosine", nonrelevant_weight: float = 0.0) -> None:
        self.similarity = check_similarity("KNN similarity", similarity)
        self.nonrelevant_weight = check_weight("KNN nonrelevant_weight", nonrelevant_weight)

    def score(self, case: Case) -> np.ndarray:
        """See the class; float64 [C]."""
        candidates_CD = prepared(case.candidates_CD, self.similarity)
        wanted_D = (
            prepared(case.query_D, self.similarity)
            + prepared(case.relevant_RD, self.similarity).sum(axis=0)
            - self.nonrelevant_weight * prepared(case.nonrelevant_SD, self.similarity).sum(axis=0)
        )
        return candidates_CD @ wanted_D
