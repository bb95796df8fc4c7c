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
from typing import Any

from wrank.data.cache import make_folder, remembered_sha256, signature
from wrank.data.collection import Collection
from wrank.data.table import TextTable
from wrank.data.table_writer import FORMAT, DuplicateId
from wrank.errors import WrankError
from wrank.files import parse_id, read_jsonl, sha256_of_json
from wrank.records import Passage
from wrank.trec import Negative, read_judgements, read_pairs

QRELS_SUFFIXES = (".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".trec", ".trec.gz")

_log = logging.getLogger(__name__)
_warned: set[Path] = set()


class BeirSource:
    """Reads a BEIR folder.

    Args:
        path: the folder.
        name: what the collection is called; None takes the folder's name.
        negative_grades: what becomes of a grade below 0: ``error``, or ``zero`` (not relevant, as for trec_eval).

    Raises:
        WrankError: the path is missing, no folder, or not a collection.
    """

    def __init__(self, path: str, name: str | None = None, negative_grades: Negative = "error") -> None:
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
        self._excluded = self._only_file(*(path.name for path in excluded)) if excluded else None

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

    def passages(self, cache: Path) -> TextTable:
        """The passages alone, for a folder without queries or judgements; see `load`."""
        return self._table(self._corpus, _passage_text, cache)

    def queries(self, cache: Path) -> TextTable:
        """The queries alone, judged or not, for a folder without a corpus or judgements; see `load`."""
        return self._table(self._queries, _query_text, cache)

    def splits(self) -> list[str]:
        """The names of the splits, sorted: the files in ``qrels/`` without their suffixes."""
        folder = self.path / "qrels"
        if not folder.is_dir():
            raise WrankError(f"{folder}: no such folder; wanted qrels/SPLIT.tsv with the judgements of a split")
        names = {split for path in folder.iterdir() if (split := _split_of(path.name))}
        return sorted(names)

    def fingerprint(self, split: str, cache: Path | None = None) -> str:
        """SHA-256 over the bytes of the files of a split, and how they are read.

        Args:
            split: the split's name.
            cache: folder in which files' hashes are remembered; None hashes each time.
        """
        files = {
            "corpus": self._corpus,
            "queries": self._queries,
            "qrels": self._qrels(split),
            "excluded": self._excluded,
        }
        hashes = {word: remembered_sha256(path, cache) for word, path in files.items() if path}
        return sha256_of_json({"source": "beir", "format": FORMAT, "negative": self.negative_grades, **hashes})

    def unjudged(self, cache: Path) -> Collection:
        """Passages and queries without judgements, for a folder that has none; see `load`."""
        passages, queries = self.passages(cache), self.queries(cache)
        fingerprint = sha256_of_json({"source": "beir", "tables": [passages.folder.name, queries.folder.name]})
        return Collection(self.name, passages, queries, {}, {}, "unjudged", fingerprint)

    def load(self, split: str, cache: Path) -> Collection:
        """Reads and checks a split.

        Args:
            split: the split's name.
            cache: folder in which tables of texts are built once, keyed by content.

        Raises:
            WrankError: anything in the files that is not as it should be; file and line are named.
        """
        qrels_path = self._qrels(split)
        cache = Path(cache)
        make_folder(cache)
        passages, queries = self.passages(cache), self.queries(cache)
        if passages.meta["empty_texts"] == len(passages):
            raise WrankError(f"{self._corpus}: every passage is empty (neither title nor text)")
        if passages.meta["empty_texts"] and self._corpus not in _warned:
            _warned.add(self._corpus)
            _log.warning("%s: %d passages have neither title nor text", self._corpus, passages.meta["empty_texts"])
        qrels, repeated = self._read_qrels(qrels_path, passages, queries)
        excluded = self._read_excluded(passages, queries, qrels, qrels_path)
        return Collection(
            name=self.name,
            passages=passages,
            queries=queries,
            qrels=qrels,
            excluded=excluded,
            split=split,
            fingerprint=self.fingerprint(split, cache),
            notes={"repeated_judgements": repeated},
        )

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

    def _table(self, path: Path, text_of: Callable[[Mapping[str, Any], Path, int], str], cache: Path) -> TextTable:
        key = sha256_of_json([FORMAT, text_of.__name__, remembered_sha256(path, cache)])
        before = signature(path)

        def rows() -> Iterator[tuple[str, str]]:
            empty = True
            for number, record in read_jsonl(path):
                empty = False
                yield parse_id(record, "_id", path, number), text_of(record, path, number)
            if empty:
                raise WrankError(f"{path}: empty; wanted one JSON object a line")
            if signature(path) != before:
                raise WrankError(f"{path}: it changed while it was read: start again")

        try:
            return TextTable.build(rows(), cache / "tables" / key[:32])
        except DuplicateId as error:
            ids = ((number, parse_id(record, "_id", path, number)) for number, record in read_jsonl(path))
            lines = [number for number, id in ids if id == error.id]
            raise WrankError(f"{path}:{lines[1]}: id {error.id!r} comes twice, first in line {lines[0]}") from None

    def _read_qrels(
        self, path: Path, passages: TextTable, queries: TextTable
    ) -> tuple[dict[str, dict[str, float]], int]:
        qrels: dict[str, dict[str, float]] = {}
        unknown = _Unknown(path, queries, passages)
        repeated = 0
        for number, judgement in read_judgements(path, self.negative_grades):
            query_id, passage_id, grade = judgement.query_id, judgement.passage_id, judgement.grade
            graded = qrels.setdefault(query_id, {})
            if passage_id not in graded:
                unknown.check(number, query_id, passage_id)
                graded[passage_id] = grade
            elif graded[passage_id] == grade:
                repeated += 1
            else:
                raise WrankError(
                    f"{path}:{number}: passage {passage_id!r} has grade {grade:g} for query {query_id!r}, but "
                    f"{graded[passage_id]:g} in line {self._line_of(path, query_id, passage_id)}: keep one"
                )
        unknown.refuse()
        return qrels, repeated

    def _read_excluded(
        self,
        passages: TextTable,
        queries: TextTable,
        qrels: Mapping[str, Mapping[str, float]],
        qrels_path: Path,
    ) -> dict[str, set[str]]:
        excluded: dict[str, set[str]] = {}
        if self._excluded is None:
            return excluded
        unknown = _Unknown(self._excluded, queries, passages)
        for number, query_id, passage_id in read_pairs(self._excluded):
            unknown.check(number, query_id, passage_id)
            if qrels.get(query_id, {}).get(passage_id, 0.0) > 0:
                line = self._line_of(qrels_path, query_id, passage_id)
                raise WrankError(
                    f"{self._excluded}:{number}: passage {passage_id!r} is excluded for query {query_id!r}, but "
                    f"relevant in {qrels_path}:{line}: remove one of the two lines"
                )
            excluded.setdefault(query_id, set()).add(passage_id)
        unknown.refuse()
        return excluded

    def _line_of(self, path: Path, query_id: str, passage_id: str) -> int:
        rows = read_judgements(path, self.negative_grades)
        return next(number for number, row in rows if (row.query_id, row.passage_id) == (query_id, passage_id))


class _Unknown:
    """Gathers ids that are in no table, so that one message names some of them and their number."""

    def __init__(self, path: Path, queries: TextTable, passages: TextTable) -> None:
        self._path, self._queries, self._passages = path, queries, passages
        self._seen: dict[tuple[str, str], int] = {}
        self._asked: set[str] = set()

    def check(self, number: int, query_id: str, passage_id: str) -> None:
        if query_id not in self._asked:  # queries come many times
            self._asked.add(query_id)
            if query_id not in self._queries:
                self._seen["query", query_id] = number
        if passage_id not in self._passages:
            self._seen.setdefault(("passage", passage_id), number)

    def refuse(self) -> None:
        if not self._seen:
            return
        first = next(iter(self._seen.values()))
        some = ", ".join(f"{kind} {id!r} (line {number})" for (kind, id), number in list(self._seen.items())[:3])
        raise WrankError(
            f"{self._path}:{first}: {len(self._seen)} ids are not in queries.jsonl or corpus.jsonl: {some}"
            + (", ..." if len(self._seen) > 3 else "")
        )


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
