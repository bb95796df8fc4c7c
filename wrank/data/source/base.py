"""What every source has in common: texts become tables, judgements become arrays, and every id must be known.

A reader of some format says where its parts are, what names their content, and gives their rows; `Source` does the
rest. Parts are named ``corpus``, ``queries``, ``qrels/SPLIT`` and ``excluded``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wrank.data.cache import make_folder
from wrank.data.collection import Collection
from wrank.data.folder import FORMAT
from wrank.data.judgements import Conflict, Judgements
from wrank.data.ranks import warn_of_ranks
from wrank.data.source.fast import Unfit
from wrank.data.table import TextTable
from wrank.data.table_base import Table
from wrank.data.table_writer import Block, DuplicateId
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.records import Judgement

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
_Row = TypeVar("_Row")
Columns = tuple[Any, Any, np.ndarray]
"""Query ids and passage ids as dictionary-encoded Arrow arrays, and grades: many pairs at once."""


class Source(ABC):
    """Reads a collection.

    Attributes:
        name: what the collection is called in reports.
    """

    name: str

    @abstractmethod
    def splits(self) -> list[str]:
        """The names of the splits that have judgements, sorted."""

    @abstractmethod
    def place(self, part: str) -> str:
        """Where a part is, for messages: a path, or a name.

        Raises:
            WrankError: there is no such part; what there is, is named.
        """

    @abstractmethod
    def content(self, part: str, cache: Path | None) -> str:
        """Names a part's content (a hash, a pinned revision): equal only for equal content, read in the same way.

        Raises:
            WrankError: there is no such part.
        """

    @abstractmethod
    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Id and full text of every passage, checked."""

    @abstractmethod
    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every query, checked."""

    @abstractmethod
    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The judgements of a split with the number of their line or row, from 1, checked."""

    def excluded_rows(self, split: str) -> Iterable[tuple[int, str, str]]:
        """(Line, query id, passage id) of pairs that are neither right nor wrong; none unless the format has them."""
        return ()

    def passage_blocks(self) -> Iterator[Block]:
        """The passages, many at once; raises `Unfit` where only `passage_rows` can read them."""
        raise Unfit

    def query_blocks(self) -> Iterator[Block]:
        """The queries, many at once; raises `Unfit` where only `query_rows` can read them."""
        raise Unfit

    def judgement_blocks(self, split: str) -> Iterator[Columns]:
        """The judgements of a split, many at once; raises `Unfit` where only `judgement_rows` can read them."""
        raise Unfit

    def has_split(self, split: str | None) -> bool:
        """Whether there are judgements of that name."""
        return split is not None and split in self.splits()

    def passages(self, cache: Path) -> TextTable:
        """The passages alone, for a source without queries or judgements; see `load`."""
        return self._table("corpus", self.passage_blocks, self.passage_rows, cache)

    def queries(self, cache: Path) -> TextTable:
        """The queries alone, judged or not, for a source without passages or judgements; see `load`."""
        return self._table("queries", self.query_blocks, self.query_rows, cache)

    def fingerprint(self, split: str, cache: Path | None = None) -> str:
        """SHA-256 over what names the content of all parts of a split, and how they are read.

        Args:
            split: the split's name.
            cache: folder in which files' hashes are remembered; None hashes each time.
        """
        parts = ("corpus", "queries", f"qrels/{split}", "excluded")
        return sha256_of_json({"format": FORMAT} | {part: self.content(part, cache) for part in parts})

    def unjudged(self, cache: Path) -> Collection:
        """Passages and queries without judgements, for a source that has none; see `load`."""
        passages, queries = self.passages(cache), self.queries(cache)
        return Collection(self.name, passages, queries, {}, {}, "unjudged", sha256_of_json([passages.key, queries.key]))

    def load(self, split: str, cache: Path) -> Collection:
        """Reads and checks a split.

        Args:
            split: the split's name.
            cache: folder in which tables are built once, keyed by content.

        Raises:
            WrankError: anything that is not as it should be; file and line are named.
        """
        qrels_place = self.place(f"qrels/{split}")
        cache = Path(cache)
        make_folder(cache)
        passages, queries = self.passages(cache), self.queries(cache)
        if passages.meta["empty_texts"] == len(passages):
            raise WrankError(f"{self.place('corpus')}: every passage is empty (neither title nor text)")
        judgements = self._judgements(split, qrels_place, passages, queries, cache)
        warn_of_ranks(qrels_place, judgements)
        return Collection(
            name=self.name,
            passages=passages,
            queries=queries,
            qrels=judgements,
            excluded=self._excluded(split, judgements),
            split=split,
            fingerprint=self.fingerprint(split, cache),
            notes=judgements.notes,
        )

    def _table(
        self,
        part: str,
        blocks: Callable[[], Iterator[Block]],
        rows: Callable[[], Iterator[tuple[str, str]]],
        cache: Path,
    ) -> TextTable:
        content = self.content(part, cache)
        folder = cache / "tables" / sha256_of_json([FORMAT, part, content])[:32]

        def unchanged(stream: Iterator[_Row]) -> Iterator[_Row]:
            yield from stream
            if self.content(part, cache) != content:  # the table would be kept under another content's key
                raise WrankError(f"{self.place(part)}: it changed while it was read: start again")

        if TextTable.is_built(folder):
            return TextTable(folder)
        try:
            return TextTable.build_of_blocks(unchanged(blocks()), folder)
        except (Unfit, DuplicateId):
            pass  # the strict reader takes it, or names the line
        try:
            return TextTable.build(unchanged(rows()), folder)
        except DuplicateId as error:
            lines = self.lines_of(part, error.id) or (f"row {error.first + 1}", f"row {error.second + 1}")
            raise WrankError(
                f"{self.place(part)}:{lines[1]}: id {error.id!r} comes twice, first in line {lines[0]}"
            ) from None

    def lines_of(self, part: str, id: str) -> list[object] | None:
        """The lines in which an id comes, where the format has lines."""
        return None

    def _judgements(self, split: str, place: str, passages: TextTable, queries: TextTable, cache: Path) -> Judgements:
        content = self.content(f"qrels/{split}", cache)
        key = sha256_of_json([FORMAT, "judgements", content, passages.key, queries.key])
        folder = cache / "judgements" / key[:32]

        def unchanged(pairs: Triple) -> Triple:
            if self.content(f"qrels/{split}", cache) != content:
                raise WrankError(f"{place}: it changed while it was read: start again")
            return pairs

        def pairs() -> Triple:
            found = [
                (rows_of_ids(queries, query_ids), rows_of_ids(passages, passage_ids), grades)
                for query_ids, passage_ids, grades in self.judgement_blocks(split)
            ]
            query_rows, passage_rows, grades = (np.concatenate(column) for column in zip(*found, strict=True))
            if (query_rows < 0).any() or (passage_rows < 0).any():
                raise Unfit  # the strict reader names ids and lines
            return unchanged((query_rows, passage_rows, grades))

        if Judgements.is_built(folder):
            return Judgements.open(folder, queries, passages)
        try:
            return Judgements.build(folder, queries, passages, pairs)
        except (Unfit, Conflict):
            return Judgements.build(
                folder, queries, passages, lambda: unchanged(self._strict_pairs(split, place, passages, queries))
            )

    def _strict_pairs(
        self, split: str, place: str, passages: TextTable, queries: TextTable
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        unknown = Unknown(place, queries, passages)
        rows, grades, numbers = [], [], []
        for number, judgement in self.judgement_rows(split):
            rows.append(unknown.check(number, judgement.query_id, judgement.passage_id))
            grades.append(judgement.grade)
            numbers.append(number)
        unknown.refuse()
        seen: dict[tuple[int, int], int] = {}
        for index, pair in enumerate(rows):
            first = seen.setdefault(pair, index)
            if grades[first] != grades[index]:
                raise WrankError(
                    f"{place}:{numbers[index]}: passage {passages.id(pair[1])!r} has grade {grades[index]:g} for query "
                    f"{queries.id(pair[0])!r}, but {grades[first]:g} in line {numbers[first]}: keep one"
                )
        query_rows, passage_rows = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return query_rows, passage_rows, np.array(grades)

    def _excluded(self, split: str, judgements: Judgements) -> dict[str, set[str]]:
        excluded: dict[str, set[str]] = {}
        rows = list(self.excluded_rows(split))
        if not rows:
            return excluded
        unknown = Unknown(self.place("excluded"), judgements.queries, judgements.passages)
        for number, query_id, passage_id in rows:
            unknown.check(number, query_id, passage_id)
            if judgements.get(query_id, {}).get(passage_id, 0.0) > 0:
                line = self._line_of(split, query_id, passage_id)
                raise WrankError(
                    f"{self.place('excluded')}:{number}: passage {passage_id!r} is excluded for query {query_id!r}, "
                    f"but relevant in {self.place(f'qrels/{split}')}:{line}: remove one of the two lines"
                )
            excluded.setdefault(query_id, set()).add(passage_id)
        unknown.refuse()
        return excluded

    def _line_of(self, split: str, query_id: str, passage_id: str) -> int:
        rows = self.judgement_rows(split)
        return next(number for number, row in rows if (row.query_id, row.passage_id) == (query_id, passage_id))


def rows_of_ids(table: Table, ids: Any) -> np.ndarray:
    """Rows of a dictionary-encoded column of ids."""
    rows: np.ndarray = table.find_many(ids.dictionary).astype(np.int32)[ids.indices.to_numpy()]
    return rows


class Unknown:
    """Gathers ids that are in no table, so that one message names some of them and their number.

    Args:
        place: the file with the pairs.
        queries: the known queries.
        passages: the known passages.
    """

    def __init__(self, place: str, queries: Table, passages: Table) -> None:
        self._place, self._queries, self._passages = place, queries, passages
        self._seen: dict[tuple[str, str], int] = {}
        self._asked: dict[str, int] = {}

    def check(self, number: int, query_id: str, passage_id: str) -> tuple[int, int]:
        """Looks up one pair of line `number`; returns its rows, -1 for an unknown id."""
        if query_id not in self._asked:  # queries come many times
            row = self._queries.find(query_id)
            self._asked[query_id] = -1 if row is None else row
            if row is None:
                self._seen["query", query_id] = number
        passage_row = self._passages.find(passage_id)
        if passage_row is None:
            self._seen.setdefault(("passage", passage_id), number)
        return self._asked[query_id], -1 if passage_row is None else passage_row

    def refuse(self) -> None:
        """Ends with what was unknown, if anything.

        Raises:
            WrankError: naming three of the ids.
        """
        if not self._seen:
            return
        first = next(iter(self._seen.values()))
        some = ", ".join(f"{kind} {id!r} (line {number})" for (kind, id), number in list(self._seen.items())[:3])
        raise WrankError(
            f"{self._place}:{first}: {len(self._seen)} ids are not in the queries or passages: {some}"
            + (", ..." if len(self._seen) > 3 else "")
        )
