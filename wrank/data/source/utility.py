"""Utilities: how much a passage helped a generator with a query, in the place of grades.

A file of them is JSONL, one pair a line, other keys not read::

    {"query_id": "q1", "passage_id": "p7", "utility": -0.12, "task": "fact checking"}

or a TSV whose first line names its columns (``query_id``, ``passage_id``, ``utility``, perhaps ``task``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.cache import make_folder, remembered_sha256
from wrank.data.folder import FORMAT
from wrank.data.judgements import Conflict, Judgements
from wrank.data.source.common import existing_file
from wrank.data.source.pair_gather import gather, two_scores
from wrank.data.source.pair_reader import blocks_of_rows
from wrank.data.source.pairs import PairsFile, PairsSource
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import as_id, read_jsonl, read_lines, sha256_of_json, short
from wrank.trec import parse_number

COLUMNS = ("query_id", "passage_id", "utility")


class UtilityFile(PairsSource):
    """Reads utilities: any finite numbers, higher is better.

    SCARLet (arXiv 2504.00573) finds them by perturbing the context of a generator; from there on they are pairs as any
    others: `wrank.data.step.cluster.Cluster` makes positives and negatives of them, `wrank.data.step.min_max.MinMax`
    continuous grades. The tasks are read by `wrank.data.source.instructed.InstructedSource`.

    Args:
        path: a JSONL or TSV file, perhaps gzipped.

    Raises:
        WrankError: no such file.
    """

    def __init__(self, path: str) -> None:
        self.path = existing_file(path, "utilities: JSONL or TSV with query_id, passage_id, utility")

    def content(self, cache: Path | None) -> str:
        """SHA-256 of the file; see `PairsSource.content`."""
        return f"utility {remembered_sha256(self.path, cache)}"

    def load(self, queries: Table, passages: Table, cache: Path) -> Judgements:
        """Reads the utilities, or maps what was read before; see `PairsSource.load`."""
        make_folder(cache)
        place, tables = str(self.path), (queries, passages)
        key = sha256_of_json([FORMAT, "pairs", self.content(cache), passages.key, queries.key])[:32]

        def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            found = gather(place, lambda: blocks_of_rows(self._rows()), *tables)
            return found.query_rows, found.passage_rows, found.scores

        try:
            return Judgements.build(cache / "pairs" / key, *tables, pairs)
        except Conflict as error:
            raise two_scores(place, lambda: blocks_of_rows(self._rows()), *tables, error) from None

    def _rows(self) -> Iterator[tuple[int, str, str, float]]:
        for number, record in read_records(self.path, COLUMNS):
            query_id, passage_id = (as_id(record[name], name, self.path, number) for name in COLUMNS[:2])
            yield number, query_id, passage_id, parse_number(record["utility"], "utility", self.path, number)


def utilities(path: str | None) -> PairsSource | None:
    """The pairs of a file of utilities, or of anything that `PairsFile` reads (what ``wrank score`` wrote, say).

    Args:
        path: the file or folder; None = no pairs: a mix then takes the collection's own judgements.

    Raises:
        WrankError: no such file.
    """
    if path is None:
        return None
    given = Path(path).expanduser()
    if given.is_file() and _names_utility(given):
        return UtilityFile(path)
    return PairsFile(path)


def read_records(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(Line, record) of a JSONL file, or of a TSV whose first line names its columns.

    Args:
        path: the file; JSONL if ``.jsonl`` is among its suffixes, or its first line begins with ``{``.
        columns: those that must be there.

    Raises:
        WrankError: a column that is missing, or a line with another number of cells.
    """
    wanted = ", ".join(columns)
    if ".jsonl" in path.suffixes or _first_line(path).startswith("{"):
        for number, record in read_jsonl(path):
            if missing := [name for name in columns if record.get(name) is None]:
                raise WrankError(f"{path}:{number}: no {missing[0]!r}; wanted {wanted}")
            yield number, record
        return
    header: list[str] | None = None
    for number, line in read_lines(path):
        cells = line.split("\t")
        if header is None:
            header = cells
            if missing := [name for name in columns if name not in header]:
                raise WrankError(f"{path}:{number}: no column {missing[0]!r}; wanted a first line with {wanted}")
        elif len(cells) != len(header):
            if line.strip():
                raise WrankError(f"{path}:{number}: {len(cells)} columns, wanted {len(header)} ({short(line)})")
        else:
            yield number, dict(zip(header, cells, strict=True))


def _names_utility(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return False
    first = _first_line(path)
    return '"utility"' in first if first.startswith("{") else "utility" in first.split("\t")


def _first_line(path: Path) -> str:
    return next((line.lstrip() for _, line in read_lines(path) if line.strip()), "")
