"""A collection in a folder, in BEIR's layout. Everything is checked when it is read, before any work.

::

    corpus.jsonl       {"_id": .., "title": .. (may be missing), "text": ..}
    queries.jsonl      {"_id": .., "text": ..}
    qrels/SPLIT.tsv    query-id, corpus-id, score
    excluded.tsv       query-id, corpus-id of passages that are neither right nor wrong for a query (may be missing)

Each may be gzipped (``.gz``); qrels may be ``.jsonl`` or ``.trec`` as well. Two files for one thing are an error.
Other keys of a line are not read. Let pass, and counted in `Collection.describe`: passages with neither title nor
text (real collections hold some; they stay in the ranking and out of training), a judgement given twice with the same
grade, judged queries without a positive. (Longer than most files: the checks of one folder stand together.)
"""

import difflib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from wrank.data.cache import remembered_sha256
from wrank.data.collection import Collection
from wrank.data.source import fast
from wrank.data.source.base import Columns, Source
from wrank.data.source.common import unchanged
from wrank.data.table_writer import Block
from wrank.errors import WrankError
from wrank.files import parse_id, read_jsonl
from wrank.records import Judgement, Passage
from wrank.trec import Negative, read_judgements, read_pairs

QRELS_SUFFIXES = (".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".trec", ".trec.gz")

_log = logging.getLogger(__name__)
_warned: set[Path] = set()
_Row = TypeVar("_Row")


class BeirSource(Source):
    """Reads a BEIR folder.

    Args:
        path: the folder.
        name: what the collection is called; None takes the folder's name.
        negative_grades: what becomes of a grade below 0: ``error``, or ``zero`` (not relevant, as for trec_eval).

    Raises:
        WrankError: the path is missing, no folder, or not a collection.
    """

    def __init__(self, path: str | None, name: str | None = None, negative_grades: Negative = "error") -> None:
        if path is None:
            raise WrankError("data.path has no value: give the folder on the command line, data.path=...")
        if negative_grades not in ("error", "zero"):
            raise WrankError(f"negative_grades is {negative_grades!r}; wanted error or zero")
        self.path = Path(path).expanduser()
        self.name = name or self.path.resolve().name
        self.negative_grades: Negative = negative_grades
        if not self.path.exists():
            raise WrankError(
                f"{self.path}: no such folder; wanted a folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/)"
            )
        if not self.path.is_dir():
            raise WrankError(
                f"{self.path}: a file; wanted the folder that holds corpus.jsonl, queries.jsonl and qrels/"
            )
        if not any(self._has(word) for word in ("corpus", "queries")):
            self._only_file("corpus.jsonl", "corpus.jsonl.gz")  # says what is missing
        excluded = [path for path in (self.path / "excluded.tsv", self.path / "excluded.tsv.gz") if path.exists()]
        self._excluded_file = self._only_file(*(path.name for path in excluded)) if excluded else None

    @property
    def _corpus(self) -> Path:
        return self._only_file("corpus.jsonl", "corpus.jsonl.gz")

    @property
    def _queries(self) -> Path:
        return self._only_file("queries.jsonl", "queries.jsonl.gz")

    def _has(self, word: str) -> bool:
        return any((self.path / f"{word}.jsonl{suffix}").is_file() for suffix in ("", ".gz"))

    def has_split(self, split: str | None) -> bool:
        """Whether there are judgements of that name, and a corpus and queries for them."""
        there = (self.path / "qrels").is_dir() and self._has("corpus") and self._has("queries")
        return split is not None and there and split in self.splits()

    def splits(self) -> list[str]:
        """The names of the splits, sorted: the files in ``qrels/`` without their suffixes."""
        folder = self.path / "qrels"
        if not folder.is_dir():
            raise WrankError(f"{folder}: no such folder; wanted qrels/SPLIT.tsv with the judgements of a split")
        names = {split for path in folder.iterdir() if (split := _split_of(path.name))}
        return sorted(names)

    def place(self, part: str) -> str:
        """The file of a part."""
        return str(self._file(part))

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of a part's file; see `Source.content`."""
        if part == "excluded" and self._excluded_file is None:
            return "none"
        kind = self.negative_grades if part.startswith("qrels/") else ""
        return f"beir {kind} {remembered_sha256(self._file(part), cache)}"

    def load(self, split: str, cache: Path) -> Collection:
        """Reads and checks a split; see `Source.load`."""
        collection = super().load(split, cache)
        empty = collection.passages.meta["empty_texts"]
        if empty and self._corpus not in _warned:
            _warned.add(self._corpus)
            _log.warning("%s: %d passages have neither title nor text", self._corpus, empty)
        return collection

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """The lines of ``corpus.jsonl``, one by one."""
        return _rows(self._corpus, _passage_text)

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """The lines of ``queries.jsonl``, one by one."""
        return _rows(self._queries, _query_text)

    def passage_blocks(self) -> Iterator[Block]:
        """The lines of ``corpus.jsonl``, many at once."""
        return unchanged(self._corpus, fast.passage_blocks(self._corpus))

    def query_blocks(self) -> Iterator[Block]:
        """The lines of ``queries.jsonl``, many at once."""
        return unchanged(self._queries, fast.query_blocks(self._queries))

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The lines of ``qrels/SPLIT``, one by one."""
        return read_judgements(self._qrels(split), self.negative_grades)

    def judgement_blocks(self, split: str) -> Iterator[Columns]:
        """The lines of ``qrels/SPLIT.tsv``, many at once."""
        return fast.judgement_blocks(self._qrels(split))

    def excluded_rows(self, split: str) -> list[tuple[int, str, str]]:
        """The lines of ``excluded.tsv``."""
        return [] if self._excluded_file is None else read_pairs(self._excluded_file)

    def lines_of(self, part: str, id: str) -> list[object]:
        """The lines in which an id comes."""
        path = self._file(part)
        return [number for number, record in read_jsonl(path) if parse_id(record, "_id", path, number) == id]

    def _file(self, part: str) -> Path:
        if part.startswith("qrels/"):
            return self._qrels(part.removeprefix("qrels/"))
        if part == "excluded":
            return self._excluded_file or self.path / "excluded.tsv"
        return self._corpus if part == "corpus" else self._queries

    def _only_file(self, *names: str) -> Path:
        found = [self.path / name for name in names if (self.path / name).is_file()]
        if not found:
            there = ", ".join(sorted(path.name for path in self.path.iterdir())[:10]) or "nothing"
            raise WrankError(f"{self.path}: not a collection: looked for {' or '.join(names)}, found {there}")
        if len(found) > 1:
            raise WrankError(f"{found[0]} and {found[1].name} are both there: remove one")
        return found[0]

    def _qrels(self, split: str) -> Path:
        found = [path for suffix in QRELS_SUFFIXES if (path := self.path / "qrels" / f"{split}{suffix}").is_file()]
        if len(found) > 1:
            raise WrankError(f"{found[0]} and {found[1].name} are both there for the split {split!r}: remove one")
        if not found:
            splits = self.splits()
            near = difflib.get_close_matches(split, splits, n=1)
            raise WrankError(
                f"{self.path}: no split {split!r}" + (f"; did you mean {near[0]!r}?" if near else "") + " (there are: "
                f"{', '.join(splits) or f'none; wanted qrels/{split}.tsv'})"
            )
        return found[0]


def _split_of(name: str) -> str | None:
    fitting = [suffix for suffix in QRELS_SUFFIXES if name.endswith(suffix) and not name.startswith(".")]
    return name.removesuffix(max(fitting, key=len)) if fitting else None


def _string(record: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    if key not in record:
        raise WrankError(f"{path}:{number}: no key {key!r}; the keys there are {', '.join(map(repr, record))}")
    if not isinstance(record[key], str):
        raise WrankError(f"{path}:{number}: {key!r} is of type {type(record[key]).__name__}; wanted a string")
    return str(record[key])


def _passage_text(record: Mapping[str, Any], path: Path, number: int) -> str:
    title = _string(record, "title", path, number) if record.get("title") is not None else ""
    return Passage("", _string(record, "text", path, number), title).full_text


def _query_text(record: Mapping[str, Any], path: Path, number: int) -> str:
    text = _string(record, "text", path, number).strip()
    if not text:
        raise WrankError(f"{path}:{number}: the query's text is empty")
    return text


def _rows(path: Path, text_of: Callable[[Mapping[str, Any], Path, int], str]) -> Iterator[tuple[str, str]]:
    empty = True

    def rows() -> Iterator[tuple[str, str]]:
        nonlocal empty
        for number, record in read_jsonl(path):
            empty = False
            yield parse_id(record, "_id", path, number), text_of(record, path, number)
        if empty:
            raise WrankError(f"{path}: empty; wanted one JSON object a line")

    return unchanged(path, rows())
