"""Queries with their task's instruction before them, in every split of another source."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from wrank.data.cache import remembered_sha256
from wrank.data.collection import Collection
from wrank.data.source.base import Source
from wrank.data.source.common import existing_file
from wrank.data.source.utility import read_records
from wrank.data.table_writer import Block
from wrank.errors import WrankError
from wrank.files import as_id, sha256_of_json
from wrank.records import Judgement

_PLACES = ("{instruction}", "{query}")


class InstructedSource(Source):
    """Puts an instruction before each query's text, by the query's task; all else is the other source's.

    One retriever for several tasks learns from the instruction what helps with which: SCARLet (arXiv 2504.00573) trains
    on ``instruction[SEP]query``. Queries to be trained on and to be evaluated are changed alike. (The same words for
    all queries are ``model.query_prompt``, which a trained model keeps and this does not touch.)
    Whether training and evaluated queries are the same is told by the texts without instruction.

    Args:
        of: where passages, queries and judgements are.
        tasks: a JSONL or TSV file with ``query_id`` and ``task`` (others are not read; a query may come again, with the
            same task): a file of utilities, say. None = all queries are of the `default` task.
        instructions: task -> instruction.
        default: the task of queries that are not in `tasks`; None = they stay as they are.
        template: the new text; holds ``{instruction}`` and ``{query}`` once each.

    Raises:
        WrankError: a value that cannot be used, a task without an instruction, a query with two tasks.
    """

    def __init__(
        self,
        of: Source,
        instructions: Mapping[str, str],
        default: str | None,
        tasks: str | None = None,
        template: str = "{instruction} {query}",
    ) -> None:
        if not isinstance(of, Source):
            raise WrankError(f"data.source.of is {of!r}; wanted a node with _target_: a source, e.g. a BeirSource")
        if not isinstance(template, str) or any(template.count(place) != 1 for place in _PLACES):
            raise WrankError(f"data.source.template is {template!r}; wanted {' and '.join(_PLACES)} in it, once each")
        if not isinstance(instructions, Mapping) or not instructions:
            raise WrankError(f"data.source.instructions is {instructions!r}; wanted task: instruction, one or more")
        for task, instruction in instructions.items():
            if not isinstance(instruction, str) or not instruction.strip():
                raise WrankError(f"data.source.instructions.{task} is {instruction!r}; wanted a text")
        if tasks is None and default is None:
            raise WrankError("data.source.tasks and data.source.default are null: no query has a task; give one")
        self.of, self.name, self.path = of, of.name, getattr(of, "path", None)
        self.instructions = {str(task): text.strip() for task, text in instructions.items()}
        self.template = template
        if default is not None and default not in self.instructions:
            raise self._unknown("data.source.default", default)
        self.default = default
        self.tasks = None if tasks is None else existing_file(tasks, "tasks: JSONL or TSV with query_id, task")
        self._tasks = {} if self.tasks is None else self._read(self.tasks)

    def load(self, split: str, cache: Path) -> Collection:
        """A split, with the keys of the queries as they were asked; see `Source.load`."""
        return replace(super().load(split, cache), asked=self._asked(cache))

    def unjudged(self, cache: Path) -> Collection:
        """Passages and queries alone, likewise; see `Source.unjudged`."""
        return replace(super().unjudged(cache), asked=self._asked(cache))

    def _asked(self, cache: Path) -> np.ndarray:
        of = self.of.unjudged(cache)
        return of.asked_keys(np.arange(len(of.queries)))

    def splits(self) -> list[str]:
        """Those of the other source."""
        return self.of.splits()

    def has_split(self, split: str | None) -> bool:
        """Whether the other source has it."""
        return self.of.has_split(split)

    def place(self, part: str) -> str:
        """Where the other source has it."""
        return self.of.place(part)

    def content(self, part: str, cache: Path | None) -> str:
        """The other source's; of the queries with what is put before them. See `Source.content`."""
        there = self.of.content(part, cache)
        if part != "queries":
            return there
        tasks = None if self.tasks is None else remembered_sha256(self.tasks, cache)
        settings = [sorted(self.instructions.items()), tasks, self.default, self.template]
        return f"instructed {sha256_of_json(settings)} {there}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """The other source's passages."""
        return self.of.passage_rows()

    def passage_blocks(self) -> Iterator[Block]:
        """The other source's passages, many at once."""
        return self.of.passage_blocks()

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and new text of every query.

        Raises:
            WrankError: queries of the file of tasks that are not there.
        """
        unseen = set(self._tasks)
        for id, text in self.of.query_rows():
            unseen.discard(id)
            task = self._tasks.get(id, self.default)
            yield id, text if task is None else self._text(self.instructions[task], text)
        if unseen:
            some = ", ".join(map(repr, sorted(unseen)[:3]))
            raise WrankError(f"{self.tasks}: {len(unseen)} of its query ids are not in {self.place('queries')}: {some}")

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The other source's judgements."""
        return self.of.judgement_rows(split)

    def excluded_rows(self, split: str) -> Iterable[tuple[int, str, str]]:
        """The other source's excluded pairs."""
        return self.of.excluded_rows(split)

    def lines_of(self, part: str, id: str) -> list[object] | None:
        """The lines in which an id comes there."""
        return self.of.lines_of(part, id)

    def _text(self, instruction: str, query: str) -> str:
        before, _, after = self.template.partition(_PLACES[1])  # braces of a query mean nothing
        return before.replace(_PLACES[0], instruction) + query + after.replace(_PLACES[0], instruction)

    def _read(self, path: Path) -> dict[str, str]:
        tasks: dict[str, str] = {}
        for number, record in read_records(path, ("query_id", "task")):
            id, task = as_id(record["query_id"], "query_id", path, number), str(record["task"])
            if task not in self.instructions:
                raise self._unknown(f"{path}:{number}", task)
            if tasks.setdefault(id, task) != task:
                raise WrankError(f"{path}:{number}: query {id!r} has the task {task!r}, but {tasks[id]!r} before")
        return tasks

    def _unknown(self, place: str, task: str) -> WrankError:
        known = ", ".join(self.instructions)
        return WrankError(f"{place}: the task {task!r} has no instruction; data.source.instructions has {known}")
