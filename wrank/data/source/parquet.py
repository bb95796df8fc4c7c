"""Texts of a Parquet file, many at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wrank.data.source.fast import Unfit, block_of_strings
from wrank.data.table_writer import Block

_ROWS = 8192  # of a block


def text_blocks(path: Path, columns: Mapping[str, str | None], are_queries: bool) -> Iterator[Block]:
    """Ids and texts, title and text joined by one space, without outer white space.

    Args:
        path: the file.
        columns: names of the columns ``id``, ``text`` and perhaps ``title``; a title that is not there is no title.
        are_queries: whether an empty text is an error.

    Raises:
        Unfit: what only the strict reader can read or name: another column or type, a missing value, an empty id.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            schema = file.schema_arrow
            title = columns.get("title")
            names = [columns["id"], columns["text"], *([title] if title in schema.names else [])]
            if any(name not in schema.names or not _is_text(schema.field(name).type) for name in names):
                raise Unfit
            for batch in file.iter_batches(_ROWS, columns=names, use_threads=False):
                if len(batch):
                    yield _block(batch, names, are_queries)
    except (pa.ArrowException, OSError) as error:
        raise Unfit from error


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _block(batch: pa.RecordBatch, names: list[str | None], are_queries: bool) -> Block:
    ids, text, *rest = (batch.column(name).cast(pa.string()) for name in names)
    if ids.null_count or text.null_count or not pc.min(pc.binary_length(ids)).as_py():
        raise Unfit
    for title in rest:
        text = pc.binary_join_element_wise(pc.fill_null(title, ""), text, " ")
    block = block_of_strings(ids, text)
    if are_queries and not pc.min(pc.binary_length(block.texts)).as_py():
        raise Unfit
    return block
