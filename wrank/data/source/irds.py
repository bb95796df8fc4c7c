"""Collections of ir_datasets: https://ir-datasets.com names some hundred of them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from wrank.data.source.base import Source
from wrank.data.source.common import check_negative, check_query, no_split, parse_grade
from wrank.data.source.irds_access import document_text, load_dataset, query_text, splits_of, stream
from wrank.data.source.irds_content import content_of
from wrank.data.source.merged import merged_rows
from wrank.errors import WrankError
from wrank.files import as_id
from wrank.records import Judgement
from wrank.trec import Negative

_PROVIDED = {"docs": "documents", "queries": "queries", "qrels": "judgements"}


class IrdsSource(Source):
    """Reads a collection through ir_datasets, which fetches it where it is not on this machine yet.

    A document's text is what ir_datasets calls its default text, else title and text; a query's likewise.

    Args:
        id: the dataset with the documents, e.g. ``msmarco-passage``.
        splits: split -> dataset with queries and judgements, e.g. ``{train: msmarco-passage/train/judged}``. None
            takes the dataset itself under its last word, or all datasets one level below it (``id/dev`` as ``dev``);
            the queries of all of them are fetched.
        name: what the collection is called; None takes the id.
        negative_grades: what becomes of a grade below 0: ``error`` or ``zero``.
        revision: words that name the content, for data that never changes, e.g. a date: then the rows are not read
            for a hash. None hashes them.

    Raises:
        WrankError: no such dataset, or one without documents, queries or judgements.
    """

    def __init__(
        self,
        id: str,
        splits: Mapping[str, str] | None = None,
        name: str | None = None,
        negative_grades: Negative = "error",
        revision: str | None = None,
    ) -> None:
        self.negative_grades: Negative = check_negative(negative_grades)
        self.id, self.name, self.revision = id, name or id, revision
        self._corpus = load_dataset(id)
        self._require(self._corpus, id, "docs")
        self._ids = splits_of(id, self._corpus) if splits is None else dict(splits)
        if not self._ids:
            raise WrankError(
                f"{id}: no queries and judgements in it or one level below; name datasets, e.g. splits.test={id}/test"
            )
        self._splits = {split: load_dataset(other) for split, other in self._ids.items()}
        for split, dataset in self._splits.items():
            self._require(dataset, self._ids[split], "queries", "qrels")
        self._named: dict[str, str] = {}

    def splits(self) -> list[str]:
        """The names of the splits, sorted."""
        return sorted(self._ids)

    def place(self, part: str) -> str:
        """The dataset's id and what of it."""
        if part == "queries":
            return ", ".join(f"{id}/queries" for id in dict.fromkeys(self._ids.values()))
        return f"{self._split(part)}/qrels" if part.startswith("qrels/") else f"{self.id}/docs"

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of a part's rows, remembered where its files are known; see `Source.content`."""
        if part == "excluded":
            return "none"
        word, ids, datasets = "docs", [self.id], [self._corpus]
        if part == "queries":
            word, ids, datasets = "queries", list(self._ids.values()), list(self._splits.values())
        elif part.startswith("qrels/"):
            split = part.removeprefix("qrels/")
            word, ids, datasets = f"qrels {self.negative_grades}", [self._split(part)], [self._splits[split]]
        if self.revision is not None:
            return f"irds {word} {' '.join(ids)} at {self.revision}"
        rows: Callable[[], Iterator[tuple[Any, ...]]] = {"docs": self.passage_rows, "queries": self.query_rows}.get(
            word, partial(self._qrels, part.removeprefix("qrels/"))
        )
        handlers = [getattr(dataset, f"{word.partition(' ')[0]}_handler")() for dataset in datasets]
        return f"irds {word} {content_of(word, ids, handlers, rows, cache, self._named)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every document."""
        place = Path(f"{self.id}/docs")
        for number, doc in enumerate(stream(self._corpus, self.id, "docs"), start=1):
            yield as_id(doc.doc_id, "doc_id", place, number), document_text(doc, place, number)

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every query of all splits; one that is in several comes once."""
        ids = dict.fromkeys(self._ids.values())
        return merged_rows([(f"{id}/queries", partial(self._queries, id)) for id in ids], "query")

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The judgements of a split with their rows."""
        for number, query_id, passage_id, grade in self._qrels(split):
            yield number, Judgement(query_id, passage_id, grade)

    def _queries(self, id: str) -> Iterator[tuple[int, str, str]]:
        place = Path(f"{id}/queries")
        for number, query in enumerate(stream(load_dataset(id), id, "queries"), start=1):
            text = check_query(query_text(query, place, number), place, number)
            yield number, as_id(query.query_id, "query_id", place, number), text

    def _qrels(self, split: str) -> Iterator[tuple[int, str, str, float]]:
        id = self._split(f"qrels/{split}")
        place = Path(f"{id}/qrels")
        number = 0
        for number, row in enumerate(stream(self._splits[split], id, "qrels"), start=1):
            ids = as_id(row.query_id, "query_id", place, number), as_id(row.doc_id, "doc_id", place, number)
            yield number, *ids, parse_grade(row.relevance, self.negative_grades, place, number)
        if not number:
            raise WrankError(f"{place}: empty; wanted judgements")

    def _split(self, part: str) -> str:
        split = part.removeprefix("qrels/")
        if split not in self._ids:
            raise no_split(self.id, split, self._ids)
        return self._ids[split]

    @staticmethod
    def _require(dataset: Any, id: str, *words: str) -> None:
        for word in words:
            if not getattr(dataset, f"has_{word}")():
                there = ", ".join(_PROVIDED[one] for one in _PROVIDED if getattr(dataset, f"has_{one}")()) or "nothing"
                raise WrankError(f"{id}: ir_datasets has no {_PROVIDED[word]} for it, only: {there}")
