"""Files of pairs read a block at a time: fast where they are regular, line by line elsewhere, Parquet by batches."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wrank.data.source.common import unchanged
from wrank.data.source.fast import Unfit
from wrank.data.source.pair_form import Form
from wrank.data.source.tsv import encoded_batches
from wrank.errors import WrankError
from wrank.files import read_lines
from wrank.trec import jsonl_judgements, parse_number, split_cells, tsv_judgements

_ROWS = 1 << 17  # of a block
_COLUMNS = ("query_id", "passage_id", "score")
_NAMES = {
    "run": ("query_id", "_q0", "passage_id", "_rank", "score", "_tag"),
    "trec": ("query_id", "_iteration", "passage_id", "score"),
    "tsv": ("query_id", "passage_id", "score"),
}


class PairBlock(NamedTuple):
    """Some pairs.

    Attributes:
        numbers: int64: the line or row of each, from 1.
        query_ids: dictionary-encoded strings.
        passage_ids: likewise.
        scores: float64, finite.
    """

    numbers: np.ndarray
    query_ids: pa.DictionaryArray
    passage_ids: pa.DictionaryArray
    scores: np.ndarray


def fast_blocks(path: Path, form: Form) -> Iterator[PairBlock]:
    """All pairs, by Arrow.

    Raises:
        Unfit: only `strict_blocks` can read it; maybe after some blocks.
        WrankError: a Parquet file that is not as it should be.
    """
    return unchanged(path, _parquet_blocks(path) if form.word == "parquet" else _regular_blocks(path, form))


def strict_blocks(path: Path, form: Form) -> Iterator[PairBlock]:
    """All pairs of a text, line by line.

    Raises:
        WrankError: a line that does not fit.
    """
    return unchanged(path, blocks_of_rows(_strict_rows(path, form)))


def blocks_of_rows(rows: Iterator[tuple[int, str, str, float]]) -> Iterator[PairBlock]:
    """Single pairs (number, query id, passage id, score), gathered."""
    while some := list(islice(rows, _ROWS)):
        numbers, query_ids, passage_ids, scores = zip(*some, strict=True)
        queries, passages = (pa.array(column, pa.string()).dictionary_encode() for column in (query_ids, passage_ids))
        yield PairBlock(np.array(numbers, dtype=np.int64), queries, passages, np.array(scores, dtype=np.float64))


def _strict_rows(path: Path, form: Form) -> Iterator[tuple[int, str, str, float]]:
    rows: Iterator[tuple[int, str, str, Any]]
    if form.word == "jsonl":
        rows = jsonl_judgements(path)
    elif form.word == "run":
        lines = split_cells(path, None, 6, "query-id Q0 passage-id rank score tag")
        rows = ((number, cells[0], cells[2], cells[4]) for number, cells in lines)
    elif form.word == "trec":
        lines = split_cells(path, None, 4, "query-id 0 passage-id grade")
        rows = ((number, cells[0], cells[2], cells[3]) for number, cells in lines)
    else:
        rows = tsv_judgements(path)
    for number, query_id, passage_id, score in rows:
        yield number, query_id, passage_id, parse_number(score, "score", path, number)


def _regular_blocks(path: Path, form: Form) -> Iterator[PairBlock]:
    if form.word not in _NAMES or form.delimiter is None:
        raise Unfit
    skip = 0
    if form.word == "tsv":
        _, first = next(read_lines(path))
        skip = int(first.split("\t") == ["query-id", "corpus-id", "score"])
    row = 1 + skip
    words = form.word != "tsv"
    for batch in encoded_batches(path, _NAMES[form.word], ("score",), form.delimiter, skip, words):
        queries, passages, scores = (batch[name] for name in _COLUMNS)
        yield PairBlock(np.arange(row, row + len(scores)), queries, passages, scores.to_numpy(zero_copy_only=False))
        row += len(scores)


def _parquet_blocks(path: Path) -> Iterator[PairBlock]:
    try:
        _check_schema(path, pq.read_schema(path))
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:  # otherwise whole row groups wait
            if not file.metadata.num_rows:
                raise WrankError(f"{path}: no row; wanted the columns {', '.join(_COLUMNS)}")
            row = 1
            for batch in file.iter_batches(_ROWS, columns=list(_COLUMNS), use_threads=False):
                numbers = np.arange(row, row + len(batch))
                queries, passages = (_ids(path, batch.column(name), name, row) for name in _COLUMNS[:2])
                yield PairBlock(numbers, queries, passages, _scores(path, batch.column("score"), row))
                row += len(batch)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WrankError(f"{path}: not a whole Parquet file ({reason}): fetch or write it again") from None


def _check_schema(path: Path, schema: pa.Schema) -> None:
    if missing := [name for name in _COLUMNS if name not in schema.names]:
        raise WrankError(f"{path}: no column {missing[0]!r}; the columns there are {', '.join(schema.names)}")
    for name in _COLUMNS:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        texts = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
        numbers = pa.types.is_floating(kind) or pa.types.is_integer(kind)
        if not (numbers if name == "score" else texts):
            wanted = "numbers" if name == "score" else "strings or whole numbers"
            raise WrankError(f"{path}: the column {name!r} is of type {kind}; wanted {wanted}")


def _ids(path: Path, column: pa.Array, name: str, row: int) -> pa.DictionaryArray:
    if column.null_count:
        raise WrankError(f"{path}:{row + _first(pc.is_null(column))}: the {name} is missing")
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    if not pc.min(pc.binary_length(column.dictionary)).as_py():
        raise WrankError(f"{path}:{row + _first(pc.equal(column.cast(pa.string()), ''))}: the {name} is empty")
    return column


def _scores(path: Path, column: pa.Array, row: int) -> np.ndarray:
    values = column.cast(pa.float64())
    finite = pc.fill_null(pc.is_finite(values), False)
    if not pc.all(finite).as_py():
        place = _first(pc.invert(finite))
        raise WrankError(f"{path}:{row + place}: the score is {values[place].as_py()}; wanted a finite number")
    scores: np.ndarray = values.to_numpy(zero_copy_only=False)
    return scores


def _first(mask: pa.Array) -> int:
    return int(np.flatnonzero(mask.to_numpy(zero_copy_only=False))[0])
