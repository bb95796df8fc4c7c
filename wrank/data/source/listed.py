"""Lists in JSONL, one query a line, with the passages' texts beside it: what many trainers read and write.

Either form, a line::

    {"query_id": .., "query": "..", "passages": [{"id": .., "title": "..", "text": "..", "grade": 2, "score": 0.7}]}
    {"query": "..", "positive": "..", "negative": ["..", ".."]}

In the first, all but ``query`` and ``text`` may be missing: a passage without ``grade`` is not judged, ``score`` is a
teacher's. In the second, ``positive`` and ``negative`` are a text or a list of texts, or ``positive_passages`` and
``negative_passages`` lists of {docid, title, text}: grade 1 and grade 0. Ids that are missing are made of the text
(`wrank.data.source.seen.text_id`): equal texts are one query or passage. Other keys are not read.
"""

from collections.abc import Iterator
from pathlib import Path

from wrank.data.cache import remembered_sha256
from wrank.data.judgements import Conflict, Judgements
from wrank.data.source.base import Source
from wrank.data.source.common import check_negative, existing_file, no_split, unchanged
from wrank.data.source.list_record import ListRecord, read_lists
from wrank.data.source.merged import merged_rows
from wrank.data.source.pair_gather import gather, two_scores
from wrank.data.source.pair_reader import blocks_of_rows
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.records import Judgement
from wrank.trec import Negative

SPLIT = "train"


class ListedSource(Source):
    """Reads lists. All judgements are the split ``train``.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file.
        name: what the collection is called; None takes the file's name.
        negative_grades: what becomes of a grade below 0: ``error`` or ``zero``.

    Raises:
        WrankError: no such file.
    """

    def __init__(self, path: str, name: str | None = None, negative_grades: Negative = "error") -> None:
        self.negative_grades: Negative = check_negative(negative_grades)
        self.path = existing_file(path, "lists in JSONL, one query a line")
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
        kind = self.negative_grades if part.startswith("qrels/") else ""
        return "none" if part == "excluded" else f"listed {part} {kind} {remembered_sha256(self.path, cache)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every passage, once."""

        def rows() -> Iterator[tuple[int, str, str]]:
            return ((one.number, passage.id, passage.text) for one in self._lists() for passage in one.passages)

        return merged_rows([(str(self.path), rows)], "passage")

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every query, once."""

        def rows() -> Iterator[tuple[int, str, str]]:
            return ((one.number, one.query_id, one.query) for one in self._lists())

        return merged_rows([(str(self.path), rows)], "query")

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The grades, with their lines."""
        self.place(f"qrels/{split}")
        empty = True
        for one in self._lists():
            for passage in one.passages:
                if passage.grade is not None:
                    empty = False
                    yield one.number, Judgement(one.query_id, passage.id, passage.grade)
        if empty:
            raise WrankError(f"{self.path}: no passage has a 'grade', so nothing is judged")

    def scores(self, queries: Table, passages: Table) -> Judgements | None:
        """The teacher's scores, in the place of grades, in memory.

        Args:
            queries: as `load` gives them.
            passages: likewise.

        Returns:
            None when no passage has a score.

        Raises:
            WrankError: only some passages of a list have one, or one pair has two.
        """

        def rows() -> Iterator[tuple[int, str, str, float]]:
            for one in self._lists():
                scored = [passage for passage in one.passages if passage.score is not None]
                if scored and len(scored) < len(one.passages):
                    raise WrankError(
                        f"{self.path}:{one.number}: {len(scored)} of the {len(one.passages)} passages have a 'score'; "
                        f"wanted one for each, or none"
                    )
                for passage in scored:
                    yield one.number, one.query_id, passage.id, float(passage.score or 0.0)

        if next(rows(), None) is None:
            return None
        place, blocks = str(self.path), lambda: blocks_of_rows(rows())
        found = gather(place, blocks, queries, passages)
        try:
            return Judgements.of_pairs(queries, passages, found.query_rows, found.passage_rows, found.scores)
        except Conflict as error:
            raise two_scores(place, blocks, queries, passages, error) from None

    def _lists(self) -> Iterator[ListRecord]:
        return unchanged(self.path, read_lists(self.path, self.negative_grades))
