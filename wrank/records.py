"""What is passed around: queries, passages, judgements, ranked lists, and what a grade means."""

from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """A level of relevance. Grades in qrels are these numbers; meanings after the TREC Deep Learning guidelines."""

    IRRELEVANT = 0
    RELATED = 1
    HIGHLY_RELEVANT = 2
    PERFECTLY_RELEVANT = 3

    @property
    def meaning(self) -> str:
        """What a judge means by this level, in one sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Level.IRRELEVANT: "The passage has nothing to do with the query.",
    Level.RELATED: "The passage is on the query's topic but does not answer it.",
    Level.HIGHLY_RELEVANT: "The passage holds some answer, but unclear or hidden among other things.",
    Level.PERFECTLY_RELEVANT: "The passage is dedicated to the query and holds the exact answer.",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A question or keywords of a user."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that can be retrieved."""

    id: str
    text: str
    title: str = ""

    @property
    def full_text(self) -> str:
        """Title and text joined by one space, without outer white space: what an encoder reads."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Judgement:
    """How relevant one passage is for one query: 0 = not relevant, higher = better."""

    query_id: str
    passage_id: str
    grade: float


@dataclass(slots=True)
class RankedList:
    """One training example: a query and K passages with their grades.

    Attributes:
        query_id: the query's id.
        query: the query's text.
        passage_ids: K ids; no id comes twice.
        passages: K texts (title and text joined).
        grades: K grades (0 = not relevant, higher = better).
        sources: K words that say where a passage came from, e.g. ``judged``, ``random``, ``dense``.
        weight: the query's weight in the loss.
        teacher: K scores of a teacher model, or None.
        pairs: preferences (i, j, p): passage i is better than passage j with probability p.
        paraphrases: equivalent forms of the query.
        keys: K text keys (`wrank.data.text_hash.text_key`) of the passages as the collection holds them, whatever an
            augmentation makes of the texts; None = those of `passages`.
    """

    query_id: str
    query: str
    passage_ids: list[str]
    passages: list[str]
    grades: list[float]
    sources: list[str]
    weight: float = 1.0
    teacher: list[float] | None = None
    pairs: list[tuple[int, int, float]] = field(default_factory=list)
    paraphrases: list[str] = field(default_factory=list)
    keys: list[int] | None = None
