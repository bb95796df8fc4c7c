"""The teacher's scores of lists in JSONL (`wrank.data.source.listed`), as a source of pairs."""

from pathlib import Path

from wrank.data.judgements import Judgements
from wrank.data.source.listed import ListedSource
from wrank.data.source.pairs import PairsSource
from wrank.data.table_base import Table
from wrank.errors import WrankError


class ListedScores(PairsSource):
    """Reads the scores, for ``data.mix.teacher`` or a part's ``pairs``.

    Args:
        path: the file that the lists' texts come from.

    Raises:
        WrankError: no such file.
    """

    def __init__(self, path: str) -> None:
        self._source = ListedSource(path, negative_grades="zero")  # grades are not read here

    def load(self, queries: Table, passages: Table, cache: Path) -> Judgements:
        """The scores in the place of grades; see `PairsSource.load`."""
        found = self._source.scores(queries, passages)
        if found is None:
            raise WrankError(f"{self._source.path}: no passage has a 'score'; wanted one for each passage of a list")
        return found

    def content(self, cache: Path | None) -> str:
        """SHA-256 of the file; see `PairsSource.content`."""
        return self._source.content("corpus", cache)
