"""What a user sets about an audit."""

from dataclasses import dataclass

from wrank.errors import WrankError

_SHARES = (
    "max_incomplete",
    "max_duplicate_share",
    "max_length_auc",
    "max_surface_auc",
    "min_judge_accuracy",
    "max_contamination",
    "max_refusal_share",
)


@dataclass(frozen=True)
class AuditSettings:
    """How graded data is looked at, and what fails; checked when made.

    A threshold that is None only reports. A figure with an interval fails when the whole interval is beyond the
    threshold: chance alone fails no run, and `min_queries` keeps out data too small to say.

    Attributes:
        sample: the classifiers and the judges look at no more queries than this, chosen by a hash of their ids;
            counts, duplicates and contamination look at all.
        near_duplicate: Jaccard similarity (0.3 to 1) of their runs of three words from which two texts are
            near-duplicates.
        bootstrap: resamples of the queries behind every interval.
        confidence: what an interval covers (0 to 1).
        examples: worst examples shown of each kind.
        seed: of the folds and the bootstrap.
        min_queries: fewest queries.
        max_incomplete: largest share (0 to 1) of queries that lack a level.
        max_duplicate_share: largest share of passages with a near-duplicate.
        max_length_auc: largest AUC (0.5 to 1) of length alone, any pair of adjacent levels.
        max_surface_auc: the same of style, and of words that are not the query's.
        min_judge_accuracy: smallest share of pairs of one query that the judge orders as the grades do.
        max_contamination: largest share of queries, or of passages, that are in an evaluation set.
        max_refusal_share: largest share of passages that are refusals, preambles or leftovers of a chat.
        min_kappa: smallest quadratic kappa (-1 to 1) with the judge that gives grades.
    """

    sample: int = 2000
    near_duplicate: float = 0.7
    bootstrap: int = 1000
    confidence: float = 0.95
    examples: int = 8
    seed: int = 0
    min_queries: int | None = None
    max_incomplete: float | None = None
    max_duplicate_share: float | None = None
    max_length_auc: float | None = None
    max_surface_auc: float | None = None
    min_judge_accuracy: float | None = None
    max_contamination: float | None = None
    max_refusal_share: float | None = None
    min_kappa: float | None = None

    def __post_init__(self) -> None:
        for name in ("sample", "examples"):
            _whole(name, getattr(self, name), 1)
        _whole("bootstrap", self.bootstrap, 100)
        _whole("seed", self.seed, 0)
        if self.min_queries is not None:
            _whole("min_queries", self.min_queries, 1)
        for name in (*_SHARES, "near_duplicate", "confidence"):
            _between(name, getattr(self, name), 0.0, 1.0)
        for name in ("max_length_auc", "max_surface_auc"):
            _between(name, getattr(self, name), 0.5, 1.0)
        _between("min_kappa", self.min_kappa, -1.0, 1.0)
        if self.near_duplicate < 0.3:
            raise WrankError(f"audit.near_duplicate is {self.near_duplicate}; the least that can be found is 0.3")
        if not 0.5 <= self.confidence < 1:
            raise WrankError(f"audit.confidence is {self.confidence}; it must be at least 0.5 and below 1, e.g. 0.95")


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise WrankError(f"audit.{name} is {value!r}; it must be a whole number, at least {least}")


def _between(name: str, value: object, low: float, high: float) -> None:
    if value is None and name not in ("near_duplicate", "confidence"):
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise WrankError(f"audit.{name} is {value!r}; it must be a number from {low:g} to {high:g}")
