"""Regular files read a block at a time by Arrow: many times as fast as line by line.

What is not perfectly regular raises `Unfit`, and is read again by the strict reader, which takes it or says what is
wrong and in which line. So both readers give the same rows, and messages come from one place.
"""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from wrank.data.cache import count_lines
from wrank.data.table_writer import Block

_BLOCK = 1 << 20  # bytes; a longer line is left to the strict reader


class Unfit(Exception):
    """The file is not regular enough for the fast reader."""


def passage_blocks(path: Path) -> Iterator[Block]:
    """The rows of ``corpus.jsonl``: ``_id``, and title and text joined by one space, without outer white space.

    Raises:
        Unfit: anything but one object a line with these keys as strings.
    """
    for batch in _json_batches(path, ("_id", "title", "text")):
        title, text = pc.fill_null(batch.column("title"), ""), batch.column("text")
        if pc.max(pc.binary_length(title)).as_py():
            text = pc.binary_join_element_wise(title, text, " ")
        yield block_of_strings(batch.column("_id"), text)


def query_blocks(path: Path) -> Iterator[Block]:
    """The rows of ``queries.jsonl``: ``_id`` and ``text`` without outer white space.

    Raises:
        Unfit: as for passages, or an empty text.
    """
    for batch in _json_batches(path, ("_id", "text")):
        block = block_of_strings(batch.column("_id"), batch.column("text"))
        if not pc.min(pc.binary_length(block.texts)).as_py():
            raise Unfit
        yield block


def judgement_blocks(path: Path) -> Iterator[tuple[pa.Array, pa.Array, np.ndarray]]:
    """The rows of ``qrels/SPLIT.tsv`` with its header: query ids, passage ids (dictionary-encoded), grades.

    Raises:
        Unfit: another header, another number of columns, an empty id, a grade that is no finite number or below 0.
    """
    if ".tsv" not in path.suffixes:
        raise Unfit
    convert = pa.csv.ConvertOptions(
        column_types={"query-id": pa.string(), "corpus-id": pa.string(), "score": pa.float64()},
        null_values=[],
        strings_can_be_null=False,
    )
    parse = pa.csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False)
    rows = 0
    try:
        with (
            pa.input_stream(str(path), compression="detect") as stream,
            pa.csv.open_csv(stream, parse_options=parse, convert_options=convert) as reader,
        ):
            if reader.schema.names != ["query-id", "corpus-id", "score"]:
                raise Unfit
            for batch in reader:
                rows += len(batch)
                if len(batch):
                    yield _judgement_block(batch)
        if not rows or count_lines(path).all != rows + 1:
            raise Unfit
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise Unfit from error


def _judgement_block(batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array, np.ndarray]:
    queries, passages, score = batch.columns
    grades = score.to_numpy(zero_copy_only=False)
    if score.null_count or not np.isfinite(grades).all() or (grades < 0).any():
        raise Unfit
    if not all(pc.min(pc.binary_length(ids)).as_py() and _is_utf8(ids) for ids in (queries, passages)):
        raise Unfit
    return queries.dictionary_encode(), passages.dictionary_encode(), grades


def _json_batches(path: Path, names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([(name, pa.string()) for name in names])
    parse = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    rows = 0
    try:
        with (
            ThreadPoolExecutor(1) as beside,
            pa.input_stream(str(path), compression="detect") as stream,
            pa.json.open_json(stream, pa.json.ReadOptions(block_size=_BLOCK), parse_options=parse) as reader,
        ):
            lines = beside.submit(count_lines, path)
            for batch in reader:
                rows += len(batch)
                ids = batch.column("_id")
                if not len(batch):
                    continue
                if ids.null_count or batch.column("text").null_count or not pc.min(pc.binary_length(ids)).as_py():
                    raise Unfit
                yield batch
            if not rows or lines.result() != (rows, True):  # two on a line, and a blank one, would be as many lines
                raise Unfit
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise Unfit from error


def block_of_strings(ids: pa.Array, texts: pa.Array) -> Block:
    """Ids and texts (Arrow strings without nulls) as a block, texts stripped; `Unfit` where they are no UTF-8."""
    if not _is_utf8(ids) or not _is_utf8(texts):
        raise Unfit
    return Block(ids.cast(pa.large_binary()), stripped(texts).cast(pa.large_binary()))


def _is_utf8(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def stripped(column: pa.Array) -> pa.Array:
    """What ``str.strip`` makes of each text; only those that begin or end oddly are looked at one by one.

    Args:
        column: [N] of type string, without nulls.
    """
    bounds = np.frombuffer(column.buffers()[1], dtype="<i4")[column.offset : column.offset + len(column) + 1]
    if bounds[0] == bounds[-1]:
        return column
    data = np.frombuffer(column.buffers()[2], dtype=np.uint8)
    first, last = data[bounds[:-1].clip(max=bounds[-1] - 1)], data[(bounds[1:] - 1).clip(min=0)]
    odd = ((first <= 0x20) | (first >= 0x7F) | (last <= 0x20) | (last >= 0x7F)) & (bounds[1:] > bounds[:-1])
    if not odd.any():
        return column
    texts = [text.strip() for text in column.filter(pa.array(odd)).to_pylist()]
    return pc.replace_with_mask(column, pa.array(odd), pa.array(texts, pa.string()))
