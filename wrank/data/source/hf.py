"""Collections of the Hugging Face hub, or of data files in a local folder: Parquet, JSONL, CSV, TSV."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wrank.data.source import fast
from wrank.data.source.base import Source
from wrank.data.source.common import check_negative, check_query, no_split, parse_grade, parse_string, unchanged
from wrank.data.source.fast import Unfit
from wrank.data.source.hub import DataFolder
from wrank.data.source.parquet import text_blocks
from wrank.data.table_writer import Block
from wrank.errors import WrankError
from wrank.files import parse_id, sha256_of_json
from wrank.records import Judgement, Passage
from wrank.trec import Negative

Part = str | Sequence[str]
"""Data files, or configuration and split; see `wrank.data.source.hub`."""

COLUMNS: Mapping[str, Mapping[str, str | None]] = {
    "corpus": {"id": "_id", "title": "title", "text": "text"},
    "queries": {"id": "_id", "text": "text"},
    "qrels": {"query": "query-id", "passage": "corpus-id", "grade": "score"},
}


class HfSource(Source):
    """Reads a data set with a corpus, queries and judgements.

    Args:
        path: a local folder, or an id of the hub.
        corpus: the passages: data files (``corpus/*.parquet``), or configuration and split (``corpus/corpus``).
        queries: likewise.
        qrels: split -> likewise.
        columns: of ``corpus``, ``queries`` and ``qrels``, what a column is -> its name there; see `COLUMNS` for
            those that are taken where none is given. A title of None, and a title that is missing, is no title.
        revision: commit of the data set on the hub, which names the content; None for a folder.
        qrels_path: folder or id with the judgements, where they stand elsewhere (``BeIR/scifact-qrels``).
        qrels_revision: commit of that.
        name: what the collection is called; None takes the last word of `path`.
        negative_grades: what becomes of a grade below 0: ``error`` or ``zero``.

    Raises:
        WrankError: no such folder, an id without a commit, no split, an unknown column word.
    """

    def __init__(
        self,
        path: str,
        corpus: Part,
        queries: Part,
        qrels: Mapping[str, Part],
        columns: Mapping[str, Mapping[str, str | None]] | None = None,
        revision: str | None = None,
        qrels_path: str | None = None,
        qrels_revision: str | None = None,
        name: str | None = None,
        negative_grades: Negative = "error",
    ) -> None:
        self.negative_grades: Negative = check_negative(negative_grades)
        self._folder = DataFolder(path, revision)
        self._qrels_folder = DataFolder(qrels_path, qrels_revision) if qrels_path else self._folder
        self._corpus, self._queries, self._qrels = corpus, queries, dict(qrels)
        if not self._qrels:
            raise WrankError(f"{path}: qrels is empty; wanted at least one split, e.g. qrels.test=qrels/test.tsv")
        self.columns = _columns(columns or {})
        self.name = name or Path(path).resolve().name

    def splits(self) -> list[str]:
        """The names of `qrels`, sorted."""
        return sorted(self._qrels)

    def place(self, part: str) -> str:
        """Folder or id, and the part there."""
        folder, spec = self._find(part)
        return folder.place(spec)

    def content(self, part: str, cache: Path | None) -> str:
        """Commit and files on the hub, SHA-256 of a folder's files; and the columns. See `Source.content`."""
        if part == "excluded":
            return "none"
        folder, spec = self._find(part)
        kind = self.negative_grades if part.startswith("qrels/") else ""
        columns = sha256_of_json(self.columns[part.partition("/")[0]])
        return f"hf {part.partition('/')[0]} {kind} {columns} {folder.content(spec, cache)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every passage, record by record."""
        columns = self.columns["corpus"]
        title, text = columns["title"], str(columns["text"])
        for place, number, record in self._folder.records(self._corpus):
            has_title = title is not None and record.get(title) is not None
            heading = parse_string(record, str(title), place, number) if has_title else ""
            full = Passage("", parse_string(record, text, place, number), heading).full_text
            yield parse_id(record, str(columns["id"]), place, number), full

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every query, record by record."""
        columns = self.columns["queries"]
        for place, number, record in self._folder.records(self._queries):
            text = check_query(parse_string(record, str(columns["text"]), place, number), place, number)
            yield parse_id(record, str(columns["id"]), place, number), text

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The judgements of a split, record by record."""
        folder, spec = self._find(f"qrels/{split}")
        columns = self.columns["qrels"]
        query, passage, key = (str(columns[word]) for word in ("query", "passage", "grade"))
        for place, number, record in folder.records(spec):
            query_id, passage_id = parse_id(record, query, place, number), parse_id(record, passage, place, number)
            if record.get(key) is None:
                raise WrankError(f"{place}:{number}: no {key!r}; the keys there are {', '.join(map(repr, record))}")
            grade = parse_grade(record[key], self.negative_grades, place, number)
            yield number, Judgement(query_id, passage_id, grade)

    def passage_blocks(self) -> Iterator[Block]:
        """The passages of Parquet files, and of JSONL files with BEIR's keys, many at once."""
        return self._blocks(self._corpus, "corpus")

    def query_blocks(self) -> Iterator[Block]:
        """The queries, likewise."""
        return self._blocks(self._queries, "queries")

    def lines_of(self, part: str, id: str) -> list[object] | None:
        """The lines or rows in which an id comes."""
        folder, spec = self._find(part)
        key = str(self.columns[part]["id"])
        found = [(place, number) for place, number, record in folder.records(spec) if str(record.get(key)) == id]
        single = len({place for place, _ in found}) == 1
        return [number if single else f"{place.name}:{number}" for place, number in found]

    def _blocks(self, spec: Part, part: str) -> Iterator[Block]:
        columns = self.columns[part]
        for path in self._folder.files(spec) or _unfit():
            if path.suffix == ".parquet":
                yield from unchanged(path, text_blocks(path, columns, part == "queries"))
            elif columns == COLUMNS[part] and path.name.removesuffix(".gz").endswith(".jsonl"):
                yield from unchanged(path, (fast.passage_blocks if part == "corpus" else fast.query_blocks)(path))
            else:
                _unfit()

    def _find(self, part: str) -> tuple[DataFolder, Part]:
        if part in ("corpus", "queries"):
            return self._folder, self._corpus if part == "corpus" else self._queries
        split = part.removeprefix("qrels/")
        if split not in self._qrels:
            raise no_split(self._folder.path, split, self._qrels)
        return self._qrels_folder, self._qrels[split]


def _unfit() -> list[Path]:
    raise Unfit


def _columns(given: Mapping[str, Mapping[str, str | None]]) -> dict[str, dict[str, str | None]]:
    for part, names in given.items():
        wrong = [part] if part not in COLUMNS else [f"{part}.{word}" for word in names if word not in COLUMNS[part]]
        if wrong:
            known = ", ".join(f"{part}.{word}" for part, words in COLUMNS.items() for word in words)
            raise WrankError(f"columns.{wrong[0]}: no such column; wanted some of {known}")
        if empty := [word for word, name in names.items() if not name and word != "title"]:
            raise WrankError(f"columns.{part}.{empty[0]} is empty; wanted the column's name")
    return {part: dict(words) | dict(given.get(part, {})) for part, words in COLUMNS.items()}
