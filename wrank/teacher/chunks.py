"""Marks kept in durable chunks: what a killed run leaves is whole, and the next run goes on behind it.

``FOLDER/chunks.json`` holds the size; chunk n, ``FOLDER/000000n.parquet``, the marks of n * size up to (n + 1) * size.
A chunk is asked for as one whole, so what batches a teacher makes of it does not depend on where a run was killed.
"""

import io
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.teacher.base import Mark, Progress

MarkSome = Callable[[int, int, Progress], Iterable[Mark]]
"""(first, last + 1, progress) -> the marks of these, in order."""

_SIZE = "chunks.json"
_EXAMPLES = 3
_COLUMNS = [("value", pa.float64()), ("truncated", pa.bool_()), ("mass", pa.float64()), ("first", pa.float64())]
_SCHEMA = pa.schema([*_COLUMNS, ("reason", pa.string())])


@dataclass
class Marks:
    """N marks as arrays; see `wrank.teacher.base.Mark`.

    Attributes:
        value: float64 [N].
        truncated: bool [N].
        mass: float64 [N].
        first: float64 [N].
        reasons: word -> how many have no value because of it.
        examples: a few whole reasons.
        found: marks that an earlier run had made.
    """

    value: np.ndarray
    truncated: np.ndarray
    mass: np.ndarray
    first: np.ndarray
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    found: int = 0


def mark_all(folder: Path, total: int, size: int, some: MarkSome, progress: Progress) -> Marks:
    """Makes what marks are missing, chunk by chunk, and returns all.

    Args:
        folder: where the chunks are; made when missing.
        total: N, how many marks are wanted.
        size: marks a chunk; an earlier run's size counts where there is one.
        some: makes the marks of a chunk.
        progress: told of every mark, those found included.

    Raises:
        WrankError: none of the first chunk has a value; a chunk that is damaged; a full disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = _kept_size(folder, size)
    found = 0
    for number, start in enumerate(range(0, total, size)):
        path, stop = folder / f"{number:07d}.parquet", min(start + size, total)
        if path.is_file():
            found += stop - start
            progress(stop - start)
            continue
        marks = list(some(start, stop, progress))
        if len(marks) != stop - start:
            raise RuntimeError(f"{stop - start} marks were wanted, {len(marks)} came")
        if number == 0 and all(math.isnan(mark.value) for mark in marks):
            raise WrankError(_hopeless(marks))
        _write(path, marks)
    paths = [folder / f"{number:07d}.parquet" for number in range(math.ceil(total / size))]
    return _read(paths, total, found)


def _kept_size(folder: Path, size: int) -> int:
    path = folder / _SIZE
    if path.is_file():
        return int(json.loads(path.read_text(encoding="utf-8"))["size"])
    write_atomic(path, json.dumps({"size": size}) + "\n")
    return size


def _write(path: Path, marks: Sequence[Mark]) -> None:
    columns = [
        pa.array(column, type=entry.type) for column, entry in zip(zip(*marks, strict=True), _SCHEMA, strict=True)
    ]
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns, schema=_SCHEMA), buffer)
    write_atomic(path, buffer.getvalue())


def _read(paths: Sequence[Path], total: int, found: int) -> Marks:
    floats = (np.full(total, np.nan) for _ in range(3))
    value, mass, first = floats
    marks = Marks(value, np.zeros(total, dtype=bool), mass, first, found=found)
    start = 0
    for path in paths:
        try:
            table = parquet.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise WrankError(f"{path}: damaged ({error}): remove that file; its work is done again") from None
        span = slice(start, start + len(table))
        for name, _ in _COLUMNS:
            getattr(marks, name)[span] = table.column(name).to_numpy()
        reasons = [reason for reason in table.column("reason").to_pylist() if reason]
        marks.reasons.update(reason.partition(":")[0] for reason in reasons)
        marks.examples += itertools.islice(reasons, max(0, _EXAMPLES - len(marks.examples)))
        start = span.stop
    if start != total:
        raise WrankError(f"{paths[0].parent}: {start} scores are there, {total} were wanted: remove that folder")
    return marks


def _hopeless(marks: Sequence[Mark]) -> str:
    counts = Counter(mark.reason.partition(":")[0] for mark in marks)
    reasons = ", ".join(f"{reason} ({count})" for reason, count in counts.most_common())
    examples = "".join(f"\n  {reason}" for reason in dict.fromkeys(mark.reason for mark in marks[:_EXAMPLES]))
    return (
        f"none of the first {len(marks)} questions brought a score: {reasons}. For example:{examples}\nlow_mass: the "
        "model would say something else than what is asked for: show it more of the scale's examples "
        "(teacher.examples), switch its thinking off (teacher.engine.chat), mend teacher.prompt, or take a larger model"
    )
