"""Leaves out negatives that a teacher holds for relevant."""

from typing import Literal, get_args

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.errors import WrankError

Kind = Literal["absolute", "relative"]
Of = Literal["best", "worst"]


class FalseNegatives(Step):
    """Leaves a negative out if its teacher score comes too close to that of its query's positives.

    A pair is a negative if its grade is below `below`, else a positive. With r the teacher score of the query's best-
    or worst-scored positive, a negative is left out if its own score is above ``r - value`` (absolute) or ``value * r``
    (relative). NV-Retriever (arXiv 2407.15831) mines negatives so, and RocketQA (arXiv 2010.08191) takes out those that
    its cross-encoder finds relevant. A query without a positive stays as it is.

    Args:
        kind: ``absolute``, or ``relative``: for scores from 0 up, such as probabilities.
        value: from 0 up, in units of the score (absolute); or a share above 0, up to 1 (relative).
        below: the lowest grade of a positive.
        of: which positive: the ``best``-scored, or the ``worst``-scored, which leaves out more.

    Attributes:
        counts: ``false_negatives``: pairs left out; ``queries_without_positive``: those not looked at.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, kind: Kind, value: float, below: float = 1.0, of: Of = "worst") -> None:
        if kind not in get_args(Kind):
            raise WrankError(f"FalseNegatives kind is {kind!r}; wanted one of {', '.join(get_args(Kind))}")
        if of not in get_args(Of):
            raise WrankError(f"FalseNegatives of is {of!r}; wanted one of {', '.join(get_args(Of))}")
        self.kind, self.of = kind, of
        self.value = check_number("FalseNegatives value", value)
        if not (0 < self.value <= 1 if kind == "relative" else self.value >= 0):
            wanted = "a share above 0, up to 1" if kind == "relative" else "a number from 0 up"
            raise WrankError(f"FalseNegatives value is {value!r}; wanted {wanted} for kind {kind}")
        self.below = check_number("FalseNegatives below", below)
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs without those left out; see `Step`.

        Raises:
            WrankError: no score of the teacher for a pair of a query with positives and negatives, or, for
                ``relative``, one below 0.
        """
        offsets = pairs.offsets()
        starts, sizes = offsets[:-1], np.diff(offsets)
        positive = pairs.grades >= self.below
        positives = np.add.reduceat(positive, starts, dtype=np.int64)
        needed = np.repeat((positives > 0) & (positives < sizes), sizes)
        teacher = self._scores(pairs, needed)
        worst = self.of == "worst"
        reduce = np.minimum if worst else np.maximum
        reference = reduce.reduceat(np.where(positive, teacher, np.inf if worst else -np.inf), starts)
        limits = reference - self.value if self.kind == "absolute" else reference * self.value
        wrong = needed & ~positive & (teacher > np.repeat(limits, sizes))
        self.counts = {
            "false_negatives": int(wrong.sum()),
            "queries_without_positive": int((positives == 0).sum()),
        }
        return pairs.only(~wrong)

    def _scores(self, pairs: Pairs, needed: np.ndarray) -> np.ndarray:
        """float64 [P]; checked where they are needed."""
        teacher = np.full(len(pairs), np.nan) if pairs.teacher is None else pairs.teacher
        if len(missing := np.flatnonzero(needed & np.isnan(teacher))):
            raise WrankError(
                f"{pairs.place}: FalseNegatives compares scores of a teacher, but {len(missing)} of {needed.sum()} "
                f"pairs have none, e.g. {_name(pairs, missing[0])}: data.mix.teacher must cover every pair of a query "
                f"that has positives and negatives"
            )
        if self.kind == "relative" and len(below := np.flatnonzero(needed & (teacher < 0))):
            raise WrankError(
                f"{pairs.place}: FalseNegatives kind is relative, but {len(below)} scores of the teacher are below "
                f"0, e.g. {teacher[below[0]]:g} of {_name(pairs, below[0])}: a share of such a score means nothing; "
                f"use kind absolute"
            )
        return teacher


def _name(pairs: Pairs, place: int) -> str:
    query, passage = int(pairs.query_rows[place]), int(pairs.passage_rows[place])
    return f"query {pairs.queries.id(query)!r} with passage {pairs.passages.id(passage)!r}"
