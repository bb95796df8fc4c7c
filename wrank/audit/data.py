"""What is audited: queries, graded passages, and what they are held against."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wrank.errors import WrankError

MOST_LEVELS = 12
"""More distinct grades than this are scores, not levels."""

Similarity = Callable[[list[str], list[str]], Any]
"""(n queries, n passages) -> n scores, higher = more similar; pair by pair."""

Grader = Callable[[list[tuple[str, str]]], Sequence[int | None]]
"""n (query, passage) pairs -> n grades 0..3, None where no grade could be read."""


class Row(NamedTuple):
    """One graded passage of a query.

    Attributes:
        query_id: the query's id.
        passage_id: the passage's id; one passage may be graded for several queries.
        text: the passage's full text (title and text joined).
        grade: 0 = not relevant, higher = better.
        attributes: what was asked for when it was written, e.g. ``{"sentences": 3}``, or None.
    """

    query_id: str
    passage_id: str
    text: str
    grade: float
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AuditInput:
    """Everything an audit looks at.

    Attributes:
        name: what is audited, for people.
        queries: query id -> text; only those with rows are looked at.
        rows: the graded passages; no (query, passage) pair comes twice.
        evaluation: name -> ((query id, text)..., (passage id, text)...) of the evaluation sets in use; read once, in
            order, so passages may come from a file.
        similarity: an independent judge of the order, or None.
        similarity_name: what it is called, e.g. ``all-MiniLM-L6-v2``.
        grader: an independent judge that gives grades 0..3, or None.
        grader_name: what it is called.
        rejects: reason -> replies that were rejected while the data was written.
        counts: other counts to show, e.g. from the manifest.
        length_key: the config key that sets how long passages are; named in advice.
    """

    name: str
    queries: Mapping[str, str]
    rows: Sequence[Row]
    evaluation: Mapping[str, tuple[Iterable[tuple[str, str]], Iterable[tuple[str, str]]]] = field(default_factory=dict)
    similarity: Similarity | None = None
    similarity_name: str = "encoder"
    grader: Grader | None = None
    grader_name: str = "LLM judge"
    rejects: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    length_key: str = "generator.recipe.attributes.sentences"


class Graded:
    """The input, checked and indexed.

    Args:
        source: what came.
        sample: most queries in `sample`.

    Attributes:
        levels: the distinct grades, lowest first.
        level_of: for each row, the place of its grade in `levels`.
        of_query: query id -> its rows' places, in the input's order of queries.
        passage_of: for each row, the place of its passage in `passages`.
        passages: ids of the distinct passages, in order of first appearance.
        texts: their texts.
        sample: ids of the queries that classifiers and judges look at.

    Raises:
        WrankError: nothing to audit, a row that cannot be right, or grades that are no levels.
    """

    def __init__(self, source: AuditInput, sample: int) -> None:
        self.source = source
        self.rows = [Row(*row) for row in source.rows]
        _check(source, self.rows)
        self.levels = sorted({float(row.grade) for row in self.rows})
        if len(self.levels) > MOST_LEVELS:
            raise WrankError(
                f"{source.name}: {len(self.levels)} distinct grades, e.g. {self.levels[:3]}: an audit looks at levels "
                f"(at most {MOST_LEVELS}); round the grades"
            )
        place = {level: number for number, level in enumerate(self.levels)}
        self.level_of = np.array([place[float(row.grade)] for row in self.rows], dtype=np.int64)
        self.of_query: dict[str, list[int]] = {}
        seen: dict[str, int] = {}
        self.texts: list[str] = []
        passage_of = []
        for number, row in enumerate(self.rows):
            self.of_query.setdefault(row.query_id, []).append(number)
            if row.passage_id not in seen:
                seen[row.passage_id] = len(self.texts)
                self.texts.append(row.text)
            passage_of.append(seen[row.passage_id])
        self.passages = list(seen)
        self.passage_of = np.array(passage_of, dtype=np.int64)
        self.sample = sorted(self.of_query, key=order)[:sample]

    def query(self, row: int) -> str:
        """The text of a row's query."""
        return self.source.queries[self.rows[row].query_id]

    def name_of(self, level: int) -> str:
        """How a level is written: its grade."""
        return f"{self.levels[level]:g}"

    @cached_property
    def sampled_rows(self) -> NDArray[np.int64]:
        """Rows of the sampled queries; where queries have many, the same number at most of each level of each.

        At most 8 rows a sampled query on average, so that big pools (human judgements) stay feasible.
        """
        groups = []
        for query_id in self.sample:
            by_level: dict[int, list[int]] = {}
            for row in self.of_query[query_id]:
                by_level.setdefault(int(self.level_of[row]), []).append(row)
            groups += [sorted(rows, key=lambda row: order(self.rows[row].passage_id)) for rows in by_level.values()]
        budget, cap = max(8 * len(self.sample), 4000), 1
        while cap < max(map(len, groups)) and sum(min(len(group), cap + 1) for group in groups) <= budget:
            cap += 1
        return np.array(sorted(row for group in groups for row in group[:cap]), dtype=np.int64)


def order(id: str) -> bytes:
    """A sort key that puts ids in an order that has nothing to do with them, the same every time."""
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _check(source: AuditInput, rows: Sequence[Row]) -> None:
    if not rows:
        raise WrankError(f"{source.name}: no graded passage: there is nothing to audit")
    seen: set[tuple[str, str]] = set()
    texts: dict[str, str] = {}
    for row in rows:
        at = f"{source.name}: query {row.query_id!r}, passage {row.passage_id!r}"
        if row.query_id not in source.queries:
            raise WrankError(f"{at}: the query has no text: give every judged query a text")
        if not math.isfinite(row.grade):
            raise WrankError(f"{at}: the grade is {row.grade}; wanted a finite number")
        if (row.query_id, row.passage_id) in seen:
            raise WrankError(f"{at}: graded twice: keep one grade a pair")
        if texts.setdefault(row.passage_id, row.text) != row.text:
            raise WrankError(f"{at}: the same id has another text elsewhere: an id names one text")
        seen.add((row.query_id, row.passage_id))
