"""Keeps the pairs whose passage was written in a certain way."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from wrank.data.step.base import Pairs, Step
from wrank.data.step.min_score import check_number
from wrank.errors import WrankError

PROVENANCE = "provenance.parquet"  # of `wrank generate`, one row a written text


class Provenance(Step):
    """Keeps the pairs whose passage's row in ``provenance.parquet`` meets every condition.

    Args:
        where: column -> a value, a list of values, or ``{min:, max:}`` (both inclusive, one may be left out). What a
            column of JSON text or a nested one holds is named with dots, e.g. ``attributes.sentences``. A row that has
            nothing there does not fit.

    Attributes:
        counts: ``pairs_that_do_not_fit``.

    Raises:
        WrankError: no condition, or one that is none of the three.
    """

    def __init__(self, where: Mapping[str, Any]) -> None:
        if not isinstance(where, Mapping) or not where:
            raise WrankError(f"Provenance where is {where!r}; wanted columns with what they must hold")
        self.where = {str(name): _condition(f"Provenance where.{name}", wanted) for name, wanted in where.items()}
        self.counts: dict[str, int] = {}

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs whose passage fits; see `Step`.

        Raises:
            WrankError: no file, one that cannot be read, an unknown column, a value that comes nowhere, limits of what
                is no number, or a passage that the file does not tell of.
        """
        path = Path(pairs.folder or "") / PROVENANCE
        if pairs.folder is None or not path.is_file():
            raise WrankError(
                f"{pairs.place}: Provenance needs {PROVENANCE}, which `wrank generate` writes, but there is none in "
                f"{pairs.folder or 'this kind of source'}: take the step out, or name a generation"
            )
        ids, fits = self._read(path)
        rows = pairs.passages.find_many(ids)
        states = np.full(len(pairs.passages), -1, dtype=np.int8)  # -1: no row, 0: does not fit, 1: fits
        states[rows[rows >= 0]] = fits[rows >= 0]
        found = states[pairs.passage_rows]
        if len(unknown := np.unique(pairs.passage_rows[found < 0])):
            some = ", ".join(repr(pairs.passages.id(row)) for row in unknown[:3].tolist())
            raise WrankError(
                f"{pairs.place}: Provenance is for written passages, but {len(unknown)} have no row in {path}, e.g. "
                f"{some}: take real ones out before it"
            )
        self.counts = {"pairs_that_do_not_fit": int((found == 0).sum())}
        return pairs.only(found == 1)

    def _read(self, path: Path) -> tuple[pa.Array, np.ndarray]:
        """The ids of the file's rows, and whether each row meets every condition."""
        try:
            columns = parquet.read_schema(path).names
            heads = {name: name if name in columns else name.partition(".")[0] for name in self.where}
            wanted = sorted({"id", *heads.values()})
            if unknown := [name for name in wanted if name not in columns]:
                raise WrankError(f"{path}: Provenance where: no column {unknown[0]!r}; there are {', '.join(columns)}")
            table = parquet.read_table(path, columns=wanted)
        except (OSError, pa.ArrowException) as error:
            raise WrankError(f"{path}: cannot be read as a parquet file ({error}): generate or copy it again") from None
        fits = np.ones(len(table), dtype=bool)
        for name, condition in self.where.items():
            values, places = _distinct(table.column(heads[name]))
            for part in name.removeprefix(heads[name]).split(".")[1:]:
                values = _inside(values, part, f"{path}: Provenance where.{name}")
            fits &= np.array(_fitting(values, condition, f"{path}: Provenance where.{name}"), dtype=bool)[places]
        return table.column("id").cast(pa.large_string()).combine_chunks(), fits


def _condition(key: str, wanted: Any) -> list[Any] | dict[str, float]:
    """The values, or the limits, that a condition allows."""
    if isinstance(wanted, Mapping) and wanted and not set(wanted) - {"min", "max"}:
        limits = {name: check_number(f"{key}.{name}", value) for name, value in wanted.items()}
        if limits.get("min", -np.inf) <= limits.get("max", np.inf):
            return limits
    elif not isinstance(wanted, Mapping):
        values = list(wanted) if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted]
        if values and all(isinstance(value, str | int | float) for value in values):
            return values
    raise WrankError(f"{key} is {wanted!r}; wanted a value, a list of values, or limits {{min:, max:}} with min <= max")


def _distinct(column: pa.ChunkedArray) -> tuple[list[Any], np.ndarray]:
    """The distinct values of a column, and the place of each row's value among them."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    elif pa.types.is_nested(column.type):  # as JSON, for Arrow does not look for equal ones
        column = pa.chunked_array([[json.dumps(value, default=str) for value in column.to_pylist()]], pa.string())
    column = column.cast(pa.large_string()) if pa.types.is_string(column.type) else column  # else 2 GiB is the end
    coded = column.combine_chunks().dictionary_encode("encode")
    return coded.dictionary.to_pylist(), coded.indices.to_numpy()


def _inside(values: list[Any], part: str, place: str) -> list[Any]:
    """What objects, or texts of JSON, hold under a name; None where there is nothing."""
    try:
        objects = [json.loads(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        raise WrankError(f"{place}: what is to hold {part!r} is neither nested nor JSON text") from None
    names = {name for one in objects if isinstance(one, dict) for name in one}
    if values and part not in names:
        raise WrankError(f"{place}: there is no {part!r}, only {', '.join(sorted(names)) or 'nothing of the kind'}")
    return [one.get(part) if isinstance(one, dict) else None for one in objects]


def _fitting(values: list[Any], wanted: list[Any] | dict[str, float], place: str) -> list[bool]:
    """Whether each value meets a condition."""
    if isinstance(wanted, dict):
        if text := [value for value in values if isinstance(value, bool | str)]:
            raise WrankError(f"{place} has limits, but {text[0]!r} is no number: wanted a value or a list of values")
        low, high = wanted.get("min", -np.inf), wanted.get("max", np.inf)
        return [isinstance(value, int | float) and low <= value <= high for value in values]
    typed = [(type(value) is bool, value if isinstance(value, str | int | float) else None) for value in values]
    allowed = {(type(value) is bool, value) for value in wanted}
    if values and (absent := allowed - set(typed)):
        some = ", ".join(sorted({repr(value) for _, value in typed})[:10])
        raise WrankError(f"{place}: no row holds {min(absent, key=repr)[1]!r}; there are, e.g., {some}")
    return [one in allowed for one in typed]
