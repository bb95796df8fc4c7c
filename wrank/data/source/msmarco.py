"""MS MARCO's own files: collection.tsv, queries.*.tsv, qrels.*.tsv, and triples of ids. Each may be gzipped.

::

    collection.tsv     passage id, text
    queries.*.tsv      query id, text
    qrels.*.tsv        query id, 0, passage id, grade
    triples            query id, id of a relevant passage, id of a passage that is not
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from wrank.data.cache import remembered_sha256
from wrank.data.source.base import Columns, Source
from wrank.data.source.common import check_negative, check_query, existing_file, no_split, unchanged
from wrank.data.source.fast import Unfit, block_of_strings
from wrank.data.source.merged import merged_rows
from wrank.data.source.tsv import column_batches, encoded_batches, in_turn, read_cells
from wrank.data.table_writer import Block
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.records import Judgement
from wrank.trec import Negative, read_judgements

TRIPLES = "triples"
"""The split whose judgements are made of triples: 1 for the relevant passage, 0 for the other."""

_TRIPLE = ("query-id", "positive-id", "negative-id")


class MsMarcoSource(Source):
    """Reads MS MARCO's passage collection, or one of the same form.

    Args:
        collection: ``collection.tsv``.
        queries: one or more ``queries.*.tsv``; a query may be in several, with one text.
        qrels: split -> ``qrels.*.tsv``.
        triples: a file of triples of ids: the split ``triples``; None = no such split.
        name: what the collection is called; None takes the name of the collection's folder.
        negative_grades: what becomes of a grade below 0: ``error`` or ``zero``.

    Raises:
        WrankError: a file is missing, or nothing is judged.
    """

    def __init__(
        self,
        collection: str,
        queries: str | Sequence[str],
        qrels: Mapping[str, str] | None = None,
        triples: str | None = None,
        name: str | None = None,
        negative_grades: Negative = "error",
    ) -> None:
        self.negative_grades: Negative = check_negative(negative_grades)
        self._collection = existing_file(collection, "MS MARCO's collection.tsv: passage-id<TAB>text")
        listed = [queries] if isinstance(queries, str) else list(queries)
        if not listed:
            raise WrankError("queries is empty; wanted one or more files queries.*.tsv")
        self._queries = [existing_file(path, "MS MARCO's queries.*.tsv: query-id<TAB>text") for path in listed]
        self._qrels = {
            split: existing_file(path, f"the judgements of the split {split!r}, lines query-id 0 passage-id grade")
            for split, path in (qrels or {}).items()
        }
        self._triples = None if triples is None else existing_file(triples, f"lines {'<TAB>'.join(_TRIPLE)}")
        if self._triples and TRIPLES in self._qrels:
            raise WrankError(f"qrels has a split {TRIPLES!r}, which is the name of the file of triples: rename it")
        if not self.splits():
            raise WrankError("neither qrels nor triples is given; wanted at least one split, e.g. qrels.dev=PATH")
        self.name = name or self._collection.resolve().parent.name

    def splits(self) -> list[str]:
        """The names of `qrels`, and ``triples`` when there is such a file; sorted."""
        return sorted([*self._qrels, *([TRIPLES] if self._triples else [])])

    def place(self, part: str) -> str:
        """The file of a part, or files."""
        return ", ".join(map(str, self._files(part)))

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of a part's files; see `Source.content`."""
        if part == "excluded":
            return "none"
        hashes = [remembered_sha256(path, cache) for path in self._files(part)]
        kind = self.negative_grades if part.startswith("qrels/") else ""
        form = TRIPLES if self._is_triples(part.removeprefix("qrels/")) and kind else part.partition("/")[0]
        return f"msmarco {form} {kind} {hashes[0] if len(hashes) == 1 else sha256_of_json(hashes)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """The lines of ``collection.tsv``, one by one."""
        return ((id, text) for _, id, text in _texts(self._collection, "passage-id"))

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """The lines of ``queries.*.tsv``, one by one; a query that is in several files comes once."""

        def rows(path: Path) -> Iterator[tuple[int, str, str]]:
            return ((number, id, check_query(text, path, number)) for number, id, text in _texts(path, "query-id"))

        if len(self._queries) == 1:
            return ((id, text) for _, id, text in rows(self._queries[0]))
        return merged_rows([(str(path), functools.partial(rows, path)) for path in self._queries], "query")

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The lines of a split's file; a triple is two judgements."""
        path = self._files(f"qrels/{split}")[0]
        return unchanged(
            path, _triples(path) if self._is_triples(split) else read_judgements(path, self.negative_grades)
        )

    def passage_blocks(self) -> Iterator[Block]:
        """The lines of ``collection.tsv``, many at once."""
        return unchanged(self._collection, _blocks(self._collection))

    def query_blocks(self) -> Iterator[Block]:
        """The lines of ``queries.tsv``, many at once."""
        if len(self._queries) > 1:
            raise Unfit
        for block in unchanged(self._queries[0], _blocks(self._queries[0])):
            if not pc.min(pc.binary_length(block.texts)).as_py():
                raise Unfit
            yield block

    def judgement_blocks(self, split: str) -> Iterator[Columns]:
        """The lines of a split's file, many at once."""
        path = self._files(f"qrels/{split}")[0]
        return unchanged(path, _triple_blocks(path) if self._is_triples(split) else _qrels_blocks(path))

    def lines_of(self, part: str, id: str) -> list[object]:
        """The lines in which an id comes."""
        path = self._files(part)[0]
        return [number for number, other, _ in _texts(path, "id") if other == id]

    def _is_triples(self, split: str) -> bool:
        return self._triples is not None and split == TRIPLES

    def _files(self, part: str) -> list[Path]:
        if part == "corpus":
            return [self._collection]
        if part == "queries":
            return self._queries
        split = part.removeprefix("qrels/")
        if self._triples is not None and split == TRIPLES:
            return [self._triples]
        if split not in self._qrels:
            raise no_split(self._collection.parent, split, self.splits())
        return [self._qrels[split]]


def _texts(path: Path, what: str) -> Iterator[tuple[int, str, str]]:
    def rows() -> Iterator[tuple[int, str, str]]:
        for number, (id, text) in read_cells(path, (what, "text")):
            if not id:
                raise WrankError(f"{path}:{number}: the {what} is empty")
            yield number, id, text.strip()

    return unchanged(path, rows())


def _blocks(path: Path) -> Iterator[Block]:
    for batch in column_batches(path, ("id", "text")):
        if not pc.min(pc.binary_length(batch.column("id"))).as_py():
            raise Unfit
        yield block_of_strings(batch.column("id"), batch.column("text"))


def _triples(path: Path) -> Iterator[tuple[int, Judgement]]:
    for number, cells in read_cells(path, _TRIPLE):
        if not all(cells):
            raise WrankError(f"{path}:{number}: an empty column; wanted {'<TAB>'.join(_TRIPLE)}")
        query_id, positive, negative = cells
        yield number, Judgement(query_id, positive, 1.0)
        yield number, Judgement(query_id, negative, 0.0)


def _qrels_blocks(path: Path) -> Iterator[Columns]:
    for batch in encoded_batches(path, ("query", "_iteration", "passage", "grade"), ("grade",), words=True):
        grades = batch["grade"].to_numpy(zero_copy_only=False)
        if (grades < 0).any():
            raise Unfit
        yield batch["query"], batch["passage"], grades


def _triple_blocks(path: Path) -> Iterator[Columns]:
    for batch in encoded_batches(path, ("query", "positive", "negative")):
        queries, grades = in_turn(batch["query"], batch["query"]), np.tile([1.0, 0.0], len(batch["query"]))
        yield queries, in_turn(batch["positive"], batch["negative"]), grades
