"""One thing to know about graded data, and how figures are written in words."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "caution", "note", "good"]
ORDER: tuple[Severity, ...] = ("problem", "caution", "note", "good")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes:
        code: what it is about, stable, e.g. ``length``.
        severity: ``problem`` (do not train on it as it is), ``caution``, ``note``, ``good``.
        text: the finding, one sentence or two.
        advice: what to do; "" when nothing.
    """

    code: str
    severity: Severity
    text: str
    advice: str = ""

    @property
    def title(self) -> str:
        """The finding in a few words."""
        return (_GOOD if self.severity == "good" else _TITLES)[self.code]


def percent(share: float) -> str:
    """A share (0 to 1) as people read it."""
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def plural(count: int, one: str, many: str = "") -> str:
    """A count and its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(values: list[float]) -> str:
    """Numbers, two digits each."""
    return ", ".join(f"{value:.2g}" for value in values)


_GOOD = {
    "surface": "The surface does not give levels away",
    "duplicates": "Few copies",
    "contamination": "Nothing of the evaluation found",
    "judge": "An independent judge agrees",
    "kappa": "A judge that gives grades agrees",
}
_TITLES = {
    "few_queries": "Few queries",
    "one_level": "One level only",
    "incomplete": "Queries lack levels",
    "without_positive": "Queries without a positive",
    "empty": "Empty passages",
    "balance": "Levels differ in size",
    "attribute": "The recipe treats levels differently",
    "surface_unknown": "Too few queries to test the surface",
    "length": "Length gives levels away",
    "list_length": "Length within a list gives levels away",
    "style": "Style gives levels away",
    "words": "Wording gives levels away",
    "overlap": "Counting the query's words is enough",
    "contradictory": "One passage, two levels",
    "duplicates": "Near-duplicate passages",
    "duplicate_queries": "Near-duplicate queries",
    "contamination_unknown": "Contamination not looked at",
    "contaminated_queries": "Evaluation queries in the data",
    "contaminated_passages": "Evaluation passages in the data",
    "shared_corpus": "Corpus shared with the evaluation",
    "judge": "An independent judge doubts the grades",
    "blurred": "Two levels look alike to the judge",
    "unread": "Pairs without a judge's grade",
    "kappa": "A judge that gives grades disagrees",
    "faults": "Refusals, chat leftovers or the like",
    "repeats_query": "Passages repeat the query",
    "script": "Another script than the query's",
    "variety": "A level repeats itself",
}
