"""What came out of feedback re-ranking: per k and seed, beside the first stage on the same residual collection."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wrank.evaluation.compare import paired_difference

PerQuery = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Cell:
    """One k with one seed.

    Attributes:
        k: relevant and non-relevant passages revealed.
        seed: of the draw.
        feedback: query id -> measure -> value of the re-ranked candidates.
        first_stage: the same of the first stage's order of the same candidates.
    """

    k: int
    seed: int
    feedback: dict[str, dict[str, float]]
    first_stage: dict[str, dict[str, float]]


@dataclass(frozen=True)
class FeedbackResult:
    """Scores of one feedback method and of its first stage, both on the residual collection.

    Attributes:
        identity: the settings, as JSON values.
        cells: every k with every seed, by k and seed; a k for which no query has enough judgements has none.
        counts: k -> ``queries_judged``; ``queries_scored``; those left out: ``queries_few_relevant`` (fewer than k, or
            none left to be found), ``queries_few_nonrelevant``; of the scored ``queries_missing`` (no candidate, both
            score 0). ``nonrelevant_unjudged``: feedback taken from the ranking in place of judged passages, over the
            scored queries, with one seed; ``judged_outside_corpus``: judged pairs whose passage is not in the corpus.
    """

    identity: dict[str, Any]
    cells: tuple[Cell, ...]
    counts: Mapping[int, Mapping[str, int]]

    def of(self, k: int) -> list[Cell]:
        """The cells of one k, by seed."""
        return [cell for cell in self.cells if cell.k == k]

    def per_query(self, k: int, first_stage: bool = False) -> dict[str, dict[str, float]]:
        """Query id -> measure -> mean over seeds; of the first stage on the residual collection when asked for."""
        tables = [cell.first_stage if first_stage else cell.feedback for cell in self.of(k)]
        return {
            query_id: {name: float(np.mean([table[query_id][name] for table in tables])) for name in values}
            for query_id, values in (tables[0].items() if tables else ())
        }

    def measures(self, k: int, first_stage: bool = False) -> dict[str, float]:
        """Measure -> mean over queries and seeds; empty where no query has enough judgements."""
        return means(self.per_query(k, first_stage))

    def to_json(self) -> dict[str, Any]:
        """Settings, counts and means, without values of single queries.

        ``ks`` -> k -> ``counts``, ``measures`` and ``first_stage`` (means over queries and seeds), ``difference``
        (re-ranked minus first stage in the first measure, with a 95% bootstrap interval over queries, each with its
        mean over seeds: see `wrank.evaluation.compare.Difference`; null of no query), ``spread`` (standard deviation of
        ``measures`` over seeds, n - 1; null with one seed), ``seeds`` -> seed -> both means.
        """
        return {"settings": self.identity, "ks": {str(k): self._of_k(k) for k in self.counts}}

    def _of_k(self, k: int) -> dict[str, Any]:
        seeds = {
            cell.seed: {"measures": means(cell.feedback), "first_stage": means(cell.first_stage)} for cell in self.of(k)
        }
        measures = self.measures(k)
        return {
            "counts": dict(self.counts[k]),
            "measures": measures,
            "first_stage": self.measures(k, first_stage=True),
            "difference": self._difference(k),
            "spread": {name: _spread([one["measures"][name] for one in seeds.values()]) for name in measures},
            "seeds": {str(seed): values for seed, values in seeds.items()},
        }

    def _difference(self, k: int) -> dict[str, Any] | None:
        before, after = self.per_query(k, first_stage=True), self.per_query(k)
        main = next(iter(next(iter(after.values()), {})), None)
        return None if main is None else {"measure": main, **asdict(paired_difference(before, after, main))}


def means(per_query: PerQuery) -> dict[str, float]:
    """Measure -> mean over queries; empty of no query."""
    names = list(next(iter(per_query.values()), {}))
    return {name: float(np.mean([values[name] for values in per_query.values()])) for name in names}


def _spread(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
