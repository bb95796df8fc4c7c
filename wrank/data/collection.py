"""A collection: passages, queries, and the judgements of one split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wrank.data.judgements import Judgements
from wrank.data.schedule import Schedule
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_json


class Mixed(Protocol):
    """What a mix adds to a collection (`wrank.data.mix`); its judgements have the columns ``part`` and ``weight``."""

    @property
    def names(self) -> Sequence[str]:
        """The parts, in their order."""

    @property
    def known(self) -> Judgements:
        """Every judged pair of the sources, before any step."""

    @property
    def seen(self) -> Judgements:
        """Every pair of every part, before any step: none is drawn as a negative of its query. Grades mean nothing."""

    @property
    def judged(self) -> frozenset[int]:
        """The parts (by number) whose pairs are judgements."""

    @property
    def originals(self) -> np.ndarray:
        """Row of each query under its own id, int [Q]; another than its row where an objective's name is before it."""

    @property
    def doubts(self) -> Sequence[str]:
        """Sentences on what makes the result say nothing."""

    @property
    def folders(self) -> Sequence[Path]:
        """Where the parts' sources are, of those that are folders."""

    @property
    def schedule(self) -> Schedule | None:
        """Which parts and queries take part in which epochs; None = all in all."""

    def active(self, epoch: int) -> frozenset[int] | None:
        """The parts (by number) that take part in an epoch; None = all."""

    def draw(self, query_id: str, epoch: int, parts: Mapping[int, int], grades: Sequence[float]) -> list[int]:
        """Which of a query's pairs (place -> part) take part in an epoch."""


ALL_SPLIT = "all"
"""The split that is meant to hold every judged query."""


@dataclass(frozen=True)
class Collection:
    """What is searched, what is asked, and what is right.

    Attributes:
        name: for people.
        passages: id and full text (title and text joined) of every passage.
        queries: id and text of every query, judged or not.
        qrels: query id -> passage id -> grade, of this split alone, in the file's order.
        excluded: query id -> passages that are neither right nor wrong: left out of rankings and of training.
        split: the split's name.
        fingerprint: SHA-256 over the content it was read from.
        notes: counts of what the reader let pass, e.g. identical judgements given twice.
        mixed: where the judgements came from when sources were mixed, or None.
        asked: text key of each query as it was asked, int64 [Q], where `queries` holds it with an instruction; or None.
    """

    name: str
    passages: Table
    queries: Table
    qrels: Mapping[str, Mapping[str, float]]
    excluded: Mapping[str, set[str]]
    split: str
    fingerprint: str
    notes: Mapping[str, int] = field(default_factory=dict)
    mixed: Mixed | None = None
    asked: np.ndarray | None = None

    def query_text(self, query_id: str) -> str:
        """The text of a query."""
        return self.queries.text(self.queries.row(query_id))

    def asked_keys(self, query_rows: Any) -> np.ndarray:
        """Text keys of queries as they were asked, int64 [Q]: what tells whether two collections ask the same.

        Args:
            query_rows: [Q].
        """
        return np.asarray((self.queries.keys if self.asked is None else self.asked)[np.asarray(query_rows)])

    def original_id(self, query_id: str) -> str:
        """A query's own id, where it came again under the name of an objective of a mix."""
        if self.mixed is None or (row := self.queries.find(query_id)) is None:
            return query_id
        return self.queries.id(int(self.mixed.originals[row]))

    @cached_property
    def judgements(self) -> Judgements:
        """The judgements as numbers: `qrels` itself, or arrays made of it."""
        if isinstance(self.qrels, Judgements):
            return self.qrels
        return Judgements.of_mapping(self.queries, self.passages, self.qrels)

    def known_keys(self, query_id: str) -> list[int]:
        """Text keys of a query's known positives (grade above 0) and excluded passages: they are no negatives for it.

        Returns:
            Keys as `wrank.data.text_hash.text_key` makes them, sorted, each once.
        """
        query_row = self.queries.find(query_id)
        if query_row is None:
            return []
        known = self.passages.rows(self.excluded.get(query_id, ()))
        for judged in (self.judgements, *([] if self.mixed is None else [self.mixed.known])):
            rows, grades = judged.of_query(query_row)
            known += rows[grades > 0].tolist()
        return sorted({int(self.passages.keys[row]) for row in known})

    def known_grades(self, query_row: int) -> dict[int, float]:
        """Text key -> grade of what a mix's sources judged for a query, whatever its steps made of it."""
        if self.mixed is None:
            return {}
        rows, grades = self.mixed.known.of_query(query_row)
        found: dict[int, float] = {}
        for row, grade in zip(rows.tolist(), grades.tolist(), strict=True):
            key = int(self.passages.keys[row])
            found[key] = max(grade, found.get(key, grade))
        return found

    def never_negative(self, query_row: int) -> list[int]:
        """Text keys of every pair that a mix's sources have for a query, even where its steps left it out."""
        if self.mixed is None:
            return []
        return [int(self.passages.keys[row]) for row in self.mixed.seen.of_query(query_row)[0].tolist()]

    def restricted_to(self, query_ids: Sequence[str], split: str) -> "Collection":
        """The same collection with the judgements of some of its queries, e.g. the part that steers training.

        Args:
            query_ids: judged queries of this split.
            split: the part's name.

        Raises:
            WrankError: a query that is not judged here.
        """
        if unknown := [id for id in query_ids if id not in self.qrels]:
            raise WrankError(
                f"{self.name}/{self.split}: {len(unknown)} queries are not judged in it, e.g. {unknown[:3]}"
            )
        kept = self.judgements.restricted_to(query_ids)
        fingerprint = sha256_of_json({"of": self.fingerprint, "queries": sorted(query_ids)})
        return replace(self, qrels=kept, split=split, fingerprint=fingerprint)

    def describe(self) -> dict[str, int | dict[str, int]]:
        """Counts for tables and manifests; ``judgements_per_grade`` is itself a mapping, grade -> count."""
        judged = self.judgements
        grades, counts = np.unique(judged.grades, return_counts=True)
        with_positive = np.unique(judged.pair_query_rows()[judged.grades > 0])
        return {
            "passages": len(self.passages),
            "empty_passages": self.passages.meta["empty_texts"],
            "duplicate_texts": self.passages.meta["duplicate_texts"],
            "queries": len(self.queries),
            "judged_queries": len(judged),
            "queries_without_positive": len(judged) - len(with_positive),
            "judgements": len(judged.grades),
            "judgements_per_grade": {f"{g:g}": int(n) for g, n in zip(grades, counts, strict=True)},
            "excluded_pairs": sum(map(len, self.excluded.values())),
            **self.notes,
        }


def check_disjoint(train: Collection, test: Collection) -> None:
    """Refuses to train on the queries that are evaluated.

    Queries are compared by their text, so two ids of one question count too, and one id of two collections does not.
    The evaluated split may hold training queries when it is named ``all``: who asks for it has said so.

    Args:
        train: what is trained on.
        test: what is evaluated.

    Raises:
        WrankError: shared queries; some are named.
    """
    if test.split == ALL_SPLIT:
        return
    (test_keys, test_rows), (train_keys, train_rows) = _texts_of(test), _texts_of(train)
    _, tested, trained = np.intersect1d(test_keys, train_keys, return_indices=True)
    shared = {
        test.queries.id(int(test_rows[there])): train.queries.id(int(train_rows[here]))
        for there, here in sorted(zip(tested.tolist(), trained.tolist(), strict=True))
    }
    if shared:
        raise WrankError(
            f"{len(shared)} of the {len(test.qrels)} queries of {test.name}/{test.split} (evaluated) are also in "
            f"{train.name}/{train.split} (trained on), e.g. {_named(shared)}: a score on seen queries says nothing. "
            f"Choose data.train_split and data.split with different queries"
        )


def _texts_of(collection: Collection) -> tuple[np.ndarray, np.ndarray]:
    """Text keys and rows of the judged queries."""
    rows = collection.judgements.query_rows
    return collection.asked_keys(rows), rows


def _named(shared: Mapping[str, str], count: int = 3) -> str:
    pairs: Iterable[tuple[str, str]] = list(shared.items())[:count]
    return ", ".join(repr(test) if test == train else f"{test!r} (there {train!r})" for test, train in pairs)
