"""Graded or scored pairs of query and passage that come without texts: the contract, and the reader of a file.

A source of pairs needs the tables of the collection that its ids mean. Grades or scores: higher is better; scores may
be negative.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from wrank.data.cache import make_folder, remembered_sha256
from wrank.data.folder import FORMAT
from wrank.data.judgements import Conflict, Judgements
from wrank.data.ranks import warn_of_ranks
from wrank.data.source.common import existing_file
from wrank.data.source.fast import Unfit
from wrank.data.source.pair_form import Form, find_form
from wrank.data.source.pair_gather import gather, two_scores
from wrank.data.source.pair_reader import fast_blocks, strict_blocks
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import sha256_of_json

Kind = Literal["auto", "qrels", "run", "parquet"]
UnknownPairs = Literal["error", "skip"]
PAIRS = "pairs.parquet"
"""What `wrank mine` and `wrank score` write into their folder."""


class PairsSource(ABC):
    """Reads pairs."""

    @abstractmethod
    def load(self, queries: Table, passages: Table, cache: Path) -> Judgements:
        """Reads and checks the pairs.

        Args:
            queries: what the query ids mean.
            passages: what the passage ids mean.
            cache: folder in which arrays are built once, keyed by content.

        Returns:
            Grades or scores, in the order they were given.

        Raises:
            WrankError: anything that is not as it should be; file and line or row are named.
        """

    @abstractmethod
    def content(self, cache: Path | None) -> str:
        """Names the content: equal only for equal content, read in the same way.

        Args:
            cache: folder in which files' hashes are remembered; None hashes each time.
        """


class PairsFile(PairsSource):
    """Reads judgements (TREC, TSV, JSONL), a TREC run, or a Parquet file.

    Memory: some 30 bytes a pair while reading, and some 100 MiB; several times that where
    the pairs of a query do not stand together, or a pair comes twice.

    Args:
        path: the file, or a folder with ``pairs.parquet`` (what ``wrank mine`` and ``wrank score`` write). Columns of
            a Parquet file: ``query_id``, ``passage_id``, ``score``; others are not read.
        kind: ``qrels``, ``run``, ``parquet``, or ``auto``: told by the file's name and first line.
        unknown: what becomes of a pair with an id that is in no table: ``error``, or ``skip`` (counted as note
            ``unknown_pairs``).

    Raises:
        WrankError: no such file, or a word that means nothing.
    """

    def __init__(self, path: str, kind: Kind = "auto", unknown: UnknownPairs = "error") -> None:
        if kind not in get_args(Kind):
            raise WrankError(f"kind is {kind!r}; wanted {', '.join(get_args(Kind))}")
        if unknown not in get_args(UnknownPairs):
            raise WrankError(f"unknown is {unknown!r}; wanted error or skip")
        self.kind, self.unknown = kind, unknown
        given = Path(path).expanduser()
        if given.is_dir() and not (given / PAIRS).is_file():
            raise WrankError(f"{given}: no {PAIRS} in that folder; `wrank mine` and `wrank score` write one")
        wanted = f"judgements, a TREC run, a Parquet file, or a folder with {PAIRS}"
        self.path = existing_file(given / PAIRS if given.is_dir() else given, wanted)

    def content(self, cache: Path | None) -> str:
        """SHA-256 of the file, and how it is read; see `PairsSource.content`."""
        return f"pairs {self._form().word} {self.unknown} {remembered_sha256(self.path, cache)}"

    def load(self, queries: Table, passages: Table, cache: Path) -> Judgements:
        """Reads the pairs, or maps what was read before; see `PairsSource.load`."""
        make_folder(cache)
        form = self._form()
        key = sha256_of_json([FORMAT, "pairs", self.content(cache), passages.key, queries.key])[:32]
        judgements = self._build(cache / "pairs" / key, form, queries, passages)
        warn_of_ranks(str(self.path), judgements)
        return judgements

    def _form(self) -> Form:
        return find_form(self.path, self.kind)

    def _build(self, folder: Path, form: Form, queries: Table, passages: Table) -> Judgements:
        place, tables, skip = str(self.path), (queries, passages), self.unknown == "skip"

        def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, int]]:
            try:
                found = gather(place, lambda: fast_blocks(self.path, form), *tables, skip)
            except Unfit:
                found = gather(place, lambda: strict_blocks(self.path, form), *tables, skip)
            return found.query_rows, found.passage_rows, found.scores, {}, {"unknown_pairs": found.unknown}

        try:
            return Judgements.build(folder, *tables, pairs)
        except Conflict as error:
            blocks = fast_blocks if form.word == "parquet" else strict_blocks
            raise two_scores(place, lambda: blocks(self.path, form), *tables, error) from None


def pairs_of(path: str | None) -> PairsFile | None:
    """The pairs of a file or folder, as `PairsFile` reads them, for a key that may be null.

    Args:
        path: the file or folder; None = no pairs: a mix then takes the collection's own judgements.

    Raises:
        WrankError: no such file.
    """
    return None if path is None else PairsFile(path)
