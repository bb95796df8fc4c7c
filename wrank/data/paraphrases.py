"""Equivalent forms of queries: read from a file, built once on disk, mapped into memory.

A file is JSONL with the keys ``query_id`` and ``text``, or TSV with these two columns (a first line of
``query_id<TAB>text`` is a header); each may be gzipped.

Shapes: R paraphrases, Q queries that have one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wrank.data.cache import make_folder
from wrank.data.folder import FORMAT, build_once, finish, mapped, read_meta
from wrank.data.table import TextTable
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.files import parse_id, read_jsonl, read_lines, sha256_of_json, short

PARAPHRASES = tuple(f"paraphrases{suffix}" for suffix in (".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz"))
"""What such a file is called in the folder of a collection."""

Rows = Iterator[tuple[str, str]]
_KINDS = {"query_rows": "<i4", "offsets": "<i8", "text_rows": "<i4"}


class ParaphraseTable:
    """For each query the texts that ask for the same. Pickled as its folder.

    Args:
        folder: what `build` made.
        left_out: int64 text keys: paraphrases with such a text are not there.

    Attributes:
        query_rows: int32 [Q], ascending: the queries that have one.
        dropped: int64, ascending: the keys of the texts that were left out, of those that were there.
        unknown: how many paraphrases of queries that the collection lacks were left out.

    Raises:
        WrankError: no table there, another format, or a file of the wrong size.
    """

    def __init__(self, folder: Path, left_out: np.ndarray | None = None) -> None:
        self.folder, self._left_out = Path(folder), left_out
        self.unknown = int(read_meta(self.folder, "table of paraphrases")["unknown"])
        columns = {name: mapped(self.folder / f"{name}.bin", kind) for name, kind in _KINDS.items()}
        self._texts = TextTable(_texts_of(self.folder))
        self.query_rows, self._offsets, self._rows = columns["query_rows"], columns["offsets"], columns["text_rows"]
        self.dropped = np.empty(0, dtype=np.int64)
        if left_out is not None and len(left_out):
            keys = np.asarray(self._texts.keys[self._rows])
            gone = np.isin(keys, left_out)
            self.dropped = np.unique(keys[gone])
            self._drop(gone)

    @classmethod
    def build(
        cls, rows: Callable[[], Rows], content: str, place: str, queries: Table, cache: Path
    ) -> "ParaphraseTable":
        """Reads paraphrases, or maps what was read before.

        Args:
            rows: reads query id and text of each.
            content: names what is read: equal only for equal content.
            place: where it is from, for messages.
            queries: what query ids mean; paraphrases of others are left out.
            cache: folder in which tables are built once.

        Raises:
            WrankError: no paraphrase of a known query, and what `rows` raises.
        """
        make_folder(cache)
        key = sha256_of_json([FORMAT, "paraphrases", content, queries.key])[:32]
        folder = Path(cache) / "paraphrases" / key
        build_once(folder, lambda partial: _write(partial, _texts_of(folder), rows, place, queries))
        return cls(folder)

    def __reduce__(self) -> tuple[type["ParaphraseTable"], tuple[Path, np.ndarray | None]]:
        return ParaphraseTable, (self.folder, self._left_out)

    def __len__(self) -> int:
        return len(self._rows)

    def without(self, keys: np.ndarray) -> "ParaphraseTable":
        """The same without some texts.

        Args:
            keys: int64 text keys (`wrank.data.text_hash.text_key`).
        """
        return ParaphraseTable(self.folder, np.unique(keys))

    def of_query(self, query_row: int) -> list[str]:
        """The paraphrases of a query, in the file's order; none when it has none."""
        place = int(self.query_rows.searchsorted(np.int32(query_row)))
        if place == len(self.query_rows) or self.query_rows[place] != query_row:
            return []
        return self._texts.texts(self._rows[self._offsets[place] : self._offsets[place + 1]].tolist())

    def _drop(self, gone_R: np.ndarray) -> None:
        of_R = np.repeat(self.query_rows, np.diff(self._offsets))[~gone_R]
        self._rows = self._rows[~gone_R]
        self.query_rows, starts = np.unique(of_R, return_index=True)
        self._offsets = np.append(starts, len(of_R))


def _texts_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}-texts"


def _write(folder: Path, texts: Path, rows: Callable[[], Rows], place: str, queries: Table) -> None:
    ids: list[str] = []

    def numbered() -> Rows:
        for query_id, text in rows():
            ids.append(query_id)
            yield str(len(ids) - 1), text
        if not ids:
            raise WrankError(f"{place}: no paraphrase in it; wanted query_id and text of each")

    if TextTable.is_built(texts):  # of a try that was killed behind it
        ids += [query_id for query_id, _ in rows()]
    else:
        TextTable.build(numbered(), texts)
    found = queries.find_many(ids)
    known = np.flatnonzero(found >= 0)
    if not len(known):
        raise WrankError(f"{place}: none of its {len(ids)} query ids, e.g. {ids[0]!r}, is a query of the collection")
    kept = known[np.argsort(found[known], kind="stable")]
    query_rows, starts = np.unique(found[kept], return_index=True)
    columns = {"query_rows": query_rows, "offsets": np.append(starts, len(kept)), "text_rows": kept}
    for name, kind in _KINDS.items():
        columns[name].astype(kind).tofile(folder / f"{name}.bin")
    finish(folder, {"unknown": len(ids) - len(known)})


def read_paraphrases(path: Path) -> Rows:
    """Query id and text of each paraphrase in a file, one by one.

    Raises:
        WrankError: a line that is not as it should be; file and line are named.
    """
    jsonl = ".jsonl" in path.suffixes
    for number, query_id, text in _jsonl_rows(path) if jsonl else _tsv_rows(path):
        if not text.strip():
            raise WrankError(f"{path}:{number}: the text of a paraphrase is empty")
        yield query_id, text.strip()


def _jsonl_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, record in read_jsonl(path):
        text = record.get("text")
        if not isinstance(text, str):
            raise WrankError(f"{path}:{number}: wanted the keys query_id and text (a string), got {short(str(record))}")
        yield number, parse_id(record, "query_id", path, number), text


def _tsv_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in read_lines(path):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells in (["query_id", "text"], ["query-id", "text"])):
            continue
        if len(cells) != 2 or not cells[0]:
            raise WrankError(f"{path}:{number}: wanted query_id<TAB>text, got {len(cells)} columns ({short(line)})")
        yield number, cells[0], cells[1]
