"""What the readers of single formats share: checks of files, splits, texts and numbers."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from wrank.data.cache import signature
from wrank.data.table_writer import Block
from wrank.errors import WrankError
from wrank.trec import Negative, parse_number

_Row = TypeVar("_Row")


def existing_file(path: str | Path, what: str) -> Path:
    """A file that is there.

    Args:
        path: as the user gave it; ``~`` is the home folder.
        what: what it should hold, for the message.

    Raises:
        WrankError: no such file, or a folder.
    """
    found = Path(path).expanduser()
    if not found.is_file():
        came = "a folder" if found.is_dir() else "no such file"
        raise WrankError(f"{found}: {came}; wanted {what}")
    return found


def no_split(where: object, split: str, splits: Iterable[str]) -> WrankError:
    """The error for a split that is not there, with the nearest one that is."""
    there = sorted(splits)
    near = difflib.get_close_matches(split, there, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return WrankError(f"{where}: no split {split!r}{hint} (there are: {', '.join(there) or 'none'})")


def check_negative(negative: str) -> Negative:
    """The word for what becomes of a grade below 0.

    Raises:
        WrankError: it is neither ``error`` nor ``zero``.
    """
    if negative not in ("error", "zero"):
        raise WrankError(f"negative_grades is {negative!r}; wanted error or zero")
    return "error" if negative == "error" else "zero"


def parse_grade(value: Any, negative: Negative, path: Path, number: int) -> float:
    """A grade: a finite number, 0 or more.

    Args:
        value: a number, or one written as a string.
        negative: what becomes of one below 0.
        path: the file, for messages.
        number: line or row there.

    Raises:
        WrankError: no finite number, or one below 0.
    """
    grade = parse_number(value, "grade", path, number)
    if grade < 0 and negative == "error":
        raise WrankError(
            f"{path}:{number}: grade {grade:g} is below 0; wanted 0 or more "
            f"(data.source.negative_grades=zero reads it as 0)"
        )
    return max(grade, 0.0)


def parse_string(record: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    """The text under a key.

    Raises:
        WrankError: no such key (the keys that are there are named), or no string.
    """
    if key not in record:
        raise WrankError(
            f"{path}:{number}: no key {key!r}; the keys there are {', '.join(map(repr, record)) or 'none'}"
        )
    if not isinstance(record[key], str):
        raise WrankError(f"{path}:{number}: {key!r} is of type {type(record[key]).__name__}; wanted a string")
    return str(record[key])


def check_query(text: str, path: object, number: int) -> str:
    """A query's text without outer white space.

    Raises:
        WrankError: it is empty.
    """
    if not text.strip():
        raise WrankError(f"{path}:{number}: the query's text is empty")
    return text.strip()


def block_of(ids: Iterable[str], texts: Iterable[str]) -> Block:
    """Rows as a block."""
    return Block(*(pa.array([text.encode("utf-8") for text in column], pa.large_binary()) for column in (ids, texts)))


def unchanged(path: Path, rows: Iterator[_Row]) -> Iterator[_Row]:
    """Rows of a file that must stay as it is until they are all read.

    Raises:
        WrankError: it changed meanwhile.
    """
    before = signature(path)
    yield from rows
    if signature(path) != before:
        raise WrankError(f"{path}: it changed while it was read: start again")
