"""Files of tab-separated columns without quotes: line by line with every check, or a block at a time by Arrow."""

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from wrank.data.source.fast import Unfit, count_lines
from wrank.errors import WrankError
from wrank.files import read_lines, short

_BLOCK = 1 << 20  # bytes; a longer line is left to the strict reader
_SPACE = r"[\s\x{0B}\x{1C}-\x{1F}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
"""What ``str.split`` splits at."""
_BROKEN = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, zlib.error)


def read_cells(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The columns of each line; blank lines are skipped.

    Args:
        path: the file, gzipped when its name ends in ``.gz``.
        wanted: a name for each column.

    Yields:
        (line number from 1, columns).

    Raises:
        WrankError: another number of columns, or no line at all.
    """
    empty = True
    for number, line in read_lines(path):
        if not line.strip():
            continue
        empty = False
        cells = line.split("\t")
        if len(cells) != len(wanted):
            raise WrankError(
                f"{path}:{number}: {len(cells)} columns, wanted {len(wanted)}: {'<TAB>'.join(wanted)} ({short(line)})"
            )
        yield number, cells
    if empty:
        raise WrankError(f"{path}: empty; wanted lines {'<TAB>'.join(wanted)}")


def column_batches(
    path: Path, names: Sequence[str], numbers: Sequence[str] = (), delimiter: str = "\t", skip: int = 0
) -> Iterator[pa.RecordBatch]:
    """The columns of a regular file, many lines at once: strings, and numbers as float64.

    Args:
        path: the file, gzipped when its name ends in ``.gz``.
        names: of the columns; one that begins with ``_`` is not read.
        numbers: those of them that are numbers.
        delimiter: between columns.
        skip: first lines left out.

    Raises:
        Unfit: a line with another number of columns, a blank one, what is not UTF-8 or no number; maybe after some
            batches.
    """
    kinds = {name: pa.float64() if name in numbers else pa.string() for name in names}
    rows = 0
    try:
        with (
            ThreadPoolExecutor(1) as beside,
            pa.input_stream(str(path), compression="detect") as stream,
            pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(
                    use_threads=False, column_names=list(names), block_size=_BLOCK, skip_rows=skip
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=delimiter, quote_char=False, newlines_in_values=False, ignore_empty_lines=False
                ),
                convert_options=_converting(kinds),
            ) as reader,
        ):
            lines = beside.submit(count_lines, path)
            for batch in reader:
                rows += len(batch)
                if len(batch):
                    yield batch
            if not rows or lines.result().all != rows + skip:
                raise Unfit
    except _BROKEN as error:
        raise Unfit from error


def _converting(kinds: dict[str, pa.DataType]) -> pa.csv.ConvertOptions:
    return pa.csv.ConvertOptions(
        column_types=kinds,
        include_columns=[name for name in kinds if not name.startswith("_")],
        null_values=[],
        strings_can_be_null=False,
    )


def encoded_batches(
    path: Path,
    names: Sequence[str],
    numbers: Sequence[str] = (),
    delimiter: str = "\t",
    skip: int = 0,
    words: bool = False,
) -> Iterator[dict[str, pa.Array]]:
    """As `column_batches`, ids as dictionary-encoded columns.

    Args:
        path: see there.
        names: see there.
        numbers: see there.
        delimiter: see there.
        skip: see there.
        words: whether any white space separates columns, so that an id can hold none.

    Raises:
        Unfit: also for an empty id, and a number that is not finite.
    """
    for batch in column_batches(path, names, numbers, delimiter, skip):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, column in columns.items():
            if name in numbers:
                if column.null_count or not np.isfinite(column.to_numpy(zero_copy_only=False)).all():
                    raise Unfit
            else:
                columns[name] = column.dictionary_encode()
                ids = columns[name].dictionary
                if not pc.min(pc.binary_length(ids)).as_py():
                    raise Unfit
                if words and pc.any(pc.match_substring_regex(ids, _SPACE)).as_py():
                    raise Unfit
        yield columns


def joined(columns: Sequence[pa.Array]) -> pa.Array:
    """Columns as one, their dictionaries, if any, as one."""
    whole = pa.chunked_array(columns)
    return pa.concat_arrays((whole.unify_dictionaries() if pa.types.is_dictionary(whole.type) else whole).chunks)


def in_turn(first: pa.Array, second: pa.Array) -> pa.Array:
    """First value of one, first of the other, second of one, and so on."""
    order = np.arange(2 * len(first)).reshape(2, -1).T.ravel()
    return joined([first, second]).take(pa.array(order))
