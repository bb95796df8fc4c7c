"""BRIGHT (arXiv 2407.12883): 12 tasks whose relevant documents are found by reasoning, not by shared words.

One data set of the Hugging Face hub, with Parquet files by task::

    documents/TASK-*.parquet    id, content
    examples/TASK-*.parquet     id, query, gold_ids (list), excluded_ids (list; none, or "N/A" alone), and others

The documents under ``gold_ids`` are relevant (grade 1). Those under ``excluded_ids`` leave the ranking of that query:
they are what it was made from. Its ``long_documents`` and rewritten queries are not read.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wrank.data.source.base import Source
from wrank.data.source.common import check_query, no_split, parse_string
from wrank.data.source.hub import DataFolder
from wrank.data.source.pull_hub import MAIN, check_commit, fetched_folder, pull_dataset
from wrank.errors import WrankError
from wrank.files import parse_id
from wrank.records import Judgement

NAME = "bright"
REPO = "xlangai/BRIGHT"
TASKS = (
    *("biology", "earth_science", "economics", "psychology", "robotics", "stackoverflow", "sustainable_living"),
    *("leetcode", "pony", "aops", "theoremqa_questions", "theoremqa_theorems"),
)
PATTERNS = ("documents/*.parquet", "examples/*.parquet")
SPLIT = "test"
_NOTHING = "N/A"  # stands in excluded_ids where there is nothing to exclude


class BrightSource(Source):
    """Reads one task of BRIGHT that ``wrank data pull bright`` has fetched. Its one split is ``test``.

    White space in an id becomes ``_``: a TREC run cannot hold it. A document that comes twice with one text is read
    once.

    Args:
        task: one of `TASKS`.
        folder: where collections are kept (``paths.collections``); BRIGHT is in its ``bright``.
        revision: commit (40 hexadecimal digits) it must have been fetched at; None takes whichever was fetched.

    Attributes:
        fetched: BRIGHT's folder.

    Raises:
        WrankError: an unknown task, not fetched yet, or fetched at another commit.
    """

    def __init__(self, task: str, folder: str, revision: str | None = None) -> None:
        self.task, self.name = check_task(task), f"{NAME}-{task}"
        self.fetched = fetched_folder(Path(folder).expanduser() / NAME, NAME, REPO, PATTERNS)
        check_commit(self.fetched, revision, "the revision")
        self._folder = DataFolder(str(self.fetched), None)
        self._documents, self._examples = f"documents/{task}-*.parquet", f"examples/{task}-*.parquet"

    def splits(self) -> list[str]:
        """``test`` alone."""
        return [SPLIT]

    def place(self, part: str) -> str:
        """The files of a part."""
        return self._folder.place(self._files(part))

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of a part's files; see `Source.content`."""
        return f"bright {part.partition('/')[0]} {self._folder.content(self._files(part), cache)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Id and content of every document."""
        seen: dict[str, int] = {}
        for place, number, record in self._folder.records(self._documents):
            id, text = _id(record, place, number), parse_string(record, "content", place, number).strip()
            if id not in seen:
                seen[id] = hash(text)
                yield id, text
            elif seen[id] != hash(text):
                raise WrankError(f"{place}:{number}: id {id!r} comes twice, with two texts: keep one")

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every query."""
        for place, number, record in self._folder.records(self._examples):
            yield _id(record, place, number), check_query(parse_string(record, "query", place, number), place, number)

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """Each document under ``gold_ids`` with grade 1, and the row of its query."""
        self._files(f"qrels/{split}")
        for number, query_id, passage_id in self._pairs("gold_ids"):
            yield number, Judgement(query_id, passage_id, 1.0)

    def excluded_rows(self, split: str) -> Iterable[tuple[int, str, str]]:
        """The documents under ``excluded_ids``."""
        return self._pairs("excluded_ids")

    def _pairs(self, key: str) -> Iterator[tuple[int, str, str]]:
        for place, number, record in self._folder.records(self._examples):
            ids = record.get(key)
            if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
                raise WrankError(f"{place}:{number}: {key!r} is {ids!r}; wanted a list of ids")
            query_id = _id(record, place, number)
            for id in dict.fromkeys(ids):
                if id != _NOTHING:
                    yield number, query_id, _without_space(id)

    def _files(self, part: str) -> str:
        if part.startswith("qrels/") and part != f"qrels/{SPLIT}":
            raise no_split(self.name, part.removeprefix("qrels/"), self.splits())
        return self._documents if part == "corpus" else self._examples


def check_task(task: str) -> str:
    """The task, when it is one of BRIGHT's.

    Raises:
        WrankError: otherwise; a near one is offered, or all are listed.
    """
    if task not in TASKS:
        near = difflib.get_close_matches(str(task).lower(), TASKS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"wanted one of {', '.join(TASKS)}"
        raise WrankError(f"{task!r}: no task of BRIGHT; {hint}")
    return task


def pull(folder: Path, revision: str = MAIN, endpoint: str | None = None) -> Path:
    """Fetches the documents and examples of all tasks into ``folder/bright``; see `pull_dataset`.

    Raises:
        WrankError: they cannot be fetched.
    """
    return pull_dataset(REPO, Path(folder) / NAME, PATTERNS, revision, endpoint)


def _id(record: Mapping[str, Any], place: Path, number: int) -> str:
    return _without_space(parse_id(record, "id", place, number))


def _without_space(id: str) -> str:
    return "_".join(id.split()) or id
