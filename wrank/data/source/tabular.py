"""Rows of data files as records, one by one: JSONL, CSV, TSV (each perhaps gzipped) and Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wrank.data.source.common import unchanged
from wrank.errors import WrankError
from wrank.files import read_jsonl, read_lines

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
Records = Iterator[tuple[int, dict[str, Any]]]
"""(Line or row from 1, record)."""

_ROWS = 8192


def suffix_of(path: str | Path) -> str | None:
    """The suffix that tells a data file's form, or None: it is no data file."""
    name = str(path).removesuffix(".gz").lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def records_of(path: Path) -> Records:
    """The records of a data file; its name tells the form.

    Raises:
        WrankError: a line or row that does not fit, or no record.
    """
    readers = {".parquet": _parquet, ".csv": _separated, ".tsv": _separated}
    suffix = suffix_of(path)
    if suffix is None:
        raise WrankError(f"{path}: wanted a file whose name ends in one of {', '.join(SUFFIXES)} (or in .gz after it)")
    return unchanged(path, _filled(path, readers.get(suffix, _jsonl)(path)))


def _filled(path: Path, records: Records) -> Records:
    number = 0
    for number, record in records:
        yield number, record
    if not number:
        raise WrankError(f"{path}: no record in it")


def _jsonl(path: Path) -> Records:
    first = next((line for _, line in read_lines(path) if line.strip()), "")
    if first.lstrip().startswith("["):
        raise WrankError(f"{path}:1: a JSON array; wanted JSONL, one object a line: `jq -c '.[]'` makes it")
    return read_jsonl(path)


def _separated(path: Path) -> Records:
    """A header, then as many columns in each row; quotes hold line ends in a CSV file, and are text in a TSV file."""
    tabs = suffix_of(path) == ".tsv"
    numbers: list[int] = [0]

    def lines() -> Iterator[str]:
        for numbers[0], line in read_lines(path):
            yield line + "\n"

    quoting = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {"delimiter": ","}
    rows = csv.reader(lines(), strict=True, **quoting)
    try:
        header = next(rows, [])
        if len(set(header)) < len(header):
            raise WrankError(f"{path}:1: a column comes twice; the columns are {', '.join(header)}")
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise WrankError(f"{path}:{numbers[0]}: {len(row)} columns, wanted {len(header)}: {', '.join(header)}")
            yield numbers[0], dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise WrankError(f"{path}:{numbers[0]}: not valid CSV ({error})") from None


def _parquet(path: Path) -> Records:
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            row = 1
            for batch in file.iter_batches(_ROWS, use_threads=False):
                yield from enumerate(batch.to_pylist(), start=row)
                row += len(batch)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WrankError(f"{path}: not a whole Parquet file ({reason}): fetch or write it again") from None
