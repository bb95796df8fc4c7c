"""Triples of texts without ids, e.g. MS MARCO's ``triples.train.small.tsv``: query, relevant passage, other passage.

Ids are made of the texts (`wrank.data.source.seen.text_id`): equal texts are one query or passage. The file is read
three times from end to end; memory holds 16 bytes a distinct text, and some 50 bytes a line for the judgements.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wrank.data.cache import remembered_sha256
from wrank.data.source.base import Columns, Source
from wrank.data.source.common import existing_file, no_split, unchanged
from wrank.data.source.fast import Unfit, stripped
from wrank.data.source.seen import distinct_texts, ids_of, text_id
from wrank.data.source.tsv import column_batches, in_turn, read_cells
from wrank.data.table_writer import Block
from wrank.data.text_hash import hashes64
from wrank.errors import WrankError
from wrank.records import Judgement

SPLIT = "train"
_COLUMNS = ("query", "positive", "negative")
_ROWS = 8192  # lines taken together by the strict reader

Texts = tuple[pa.Array, pa.Array, pa.Array]
"""Queries, relevant passages and others of some lines, without outer white space, none of them empty."""


class TextTriples(Source):
    """Reads lines query<TAB>relevant passage<TAB>passage that is not relevant.

    Args:
        path: the file, gzipped when its name ends in ``.gz``.
        name: what the collection is called; None takes the file's name.

    Raises:
        WrankError: no such file.
    """

    def __init__(self, path: str, name: str | None = None) -> None:
        self.path = existing_file(path, f"triples of texts, lines {'<TAB>'.join(_COLUMNS)}")
        self.name = name or self.path.name.partition(".")[0]

    def splits(self) -> list[str]:
        """``train`` alone."""
        return [SPLIT]

    def place(self, part: str) -> str:
        """The file."""
        if part.startswith("qrels/") and part != f"qrels/{SPLIT}":
            raise no_split(self.path, part.removeprefix("qrels/"), self.splits())
        return str(self.path)

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of the file; see `Source.content`."""
        self.place(part)
        return "none" if part == "excluded" else f"text triples {part} {remembered_sha256(self.path, cache)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Each passage's text once, by the strict reader."""
        return _rows(distinct_texts(map(_passages, self._strict())))

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Each query's text once, by the strict reader."""
        return _rows(distinct_texts(queries for queries, _, _ in self._strict()))

    def passage_blocks(self) -> Iterator[Block]:
        """Each passage's text once, by the fast reader."""
        return distinct_texts(map(_passages, self._fast()))

    def query_blocks(self) -> Iterator[Block]:
        """Each query's text once, by the fast reader."""
        return distinct_texts(queries for queries, _, _ in self._fast())

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """Two judgements a line: grade 1 and grade 0."""
        self.place(f"qrels/{split}")
        for number, (query, positive, negative) in unchanged(self.path, _lines(self.path)):
            query_id = text_id(query)
            yield number, Judgement(query_id, text_id(positive), 1.0)
            yield number, Judgement(query_id, text_id(negative), 0.0)

    def judgement_blocks(self, split: str) -> Iterator[Columns]:
        """Two judgements a line, many lines at once."""
        for queries, positives, negatives in self._fast():
            grades = np.tile([1.0, 0.0], len(queries))
            yield _ids(in_turn(queries, queries)), _ids(in_turn(positives, negatives)), grades

    def _fast(self) -> Iterator[Texts]:
        def texts() -> Iterator[Texts]:
            for batch in column_batches(self.path, _COLUMNS):
                queries, positives, negatives = (stripped(column) for column in batch.columns)
                for column in (queries, positives, negatives):
                    if not _is_full(column):
                        raise Unfit
                yield queries, positives, negatives

        return unchanged(self.path, texts())

    def _strict(self) -> Iterator[Texts]:
        lines = unchanged(self.path, _lines(self.path))
        while some := list(islice(lines, _ROWS)):
            queries, positives, negatives = zip(*(cells for _, cells in some), strict=True)
            yield pa.array(queries, pa.string()), pa.array(positives, pa.string()), pa.array(negatives, pa.string())


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, cells in read_cells(path, _COLUMNS):
        texts = [cell.strip() for cell in cells]
        if not all(texts):
            empty = _COLUMNS[texts.index("")]
            raise WrankError(f"{path}:{number}: the text of the {empty} is empty; wanted {'<TAB>'.join(_COLUMNS)}")
        yield number, texts


def _is_full(column: pa.Array) -> bool:
    return bool(pc.min(pc.binary_length(column)).as_py())


def _passages(texts: Texts) -> pa.Array:
    """Relevant passage and other of each line, in turn."""
    _, positives, negatives = texts
    return in_turn(positives, negatives)


def _rows(blocks: Iterator[Block]) -> Iterator[tuple[str, str]]:
    for ids, texts in blocks:
        for id, text in zip(ids.to_pylist(), texts.to_pylist(), strict=True):
            yield id.decode("utf-8"), text.decode("utf-8")


def _ids(texts: pa.Array) -> pa.DictionaryArray:
    distinct = texts.dictionary_encode()
    hashes = hashes64(distinct.dictionary.cast(pa.large_binary()))
    return pa.DictionaryArray.from_arrays(distinct.indices, ids_of(hashes))
