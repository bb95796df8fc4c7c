"""Reciprocal-rank fusion of the first stage and a feedback method."""

from collections.abc import Mapping

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import Case, FeedbackMethod
from wrank.evaluation.ranking import in_order


class RRF(FeedbackMethod):
    """Fuses the first stage's ranking of the candidates with the one of another method.

    score(d) = 1 / (constant + rank of d in the first stage) + 1 / (constant + rank of d by the method)

    Ranks count from 1 on the residual collection; ties of the method go by the rule of `ranking.py`.

    Source: Cormack, Clarke and Büttcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", with constant 60; so used in arXiv 2210.10695.

    Args:
        method: the other method.
        constant: damps the first ranks; ranks, from 0.

    Raises:
        WrankError: a value out of its range, or no method.
    """

    name = "rrf"

    def __init__(self, method: FeedbackMethod, *, constant: int = 60) -> None:
        if not isinstance(method, FeedbackMethod):
            raise WrankError(f"RRF method is {method!r}; wanted a node with _target_: wrank.evaluation.feedback....")
        if isinstance(constant, bool) or not isinstance(constant, int) or constant < 0:
            raise WrankError(f"RRF constant is {constant!r}; wanted a whole number from 0 up")
        self.method = method
        self.constant = constant

    def score(self, case: Case) -> np.ndarray:
        """See the class; float64 [C]."""
        by_method = dict(zip(case.ids, self.method.score(case).tolist(), strict=True))
        fused = fuse([{id: rank for rank, id in enumerate(case.ids, start=1)}, ranks(by_method)], self.constant)
        return np.array([fused[id] for id in case.ids], dtype=np.float64)


def ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Ranks from 1 of passages by score, ties by the rule of `ranking.py`."""
    return {id: rank for rank, (id, _) in enumerate(in_order(scores), start=1)}


def fuse(ranks_by_list: list[dict[str, int]], constant: int = 60) -> dict[str, float]:
    """Reciprocal-rank fusion of any number of rankings.

    Args:
        ranks_by_list: of each ranking, passage id -> rank from 1; a passage that a ranking lacks gets 0 from it.
        constant: added to each rank.

    Returns:
        Passage id -> sum of 1 / (constant + rank).
    """
    fused: dict[str, float] = {}
    for ranking in ranks_by_list:
        for id, rank in ranking.items():
            fused[id] = fused.get(id, 0.0) + 1.0 / (constant + rank)
    return fused
