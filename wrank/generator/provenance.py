"""Where every written text comes from: ``provenance.parquet``, written in row groups."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
from pyarrow import parquet

from wrank.files import sha256_of_json
from wrank.generator.base import Recipe
from wrank.generator.request import Item

PROVENANCE = "provenance.parquet"
GROUP = 4096
"""Rows that are held before they are written."""

_WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("query_id", pa.string()),
        ("kind", _WORD),
        ("label", _WORD),
        ("grade", pa.float64()),
        ("recipe", _WORD),
        ("model", _WORD),
        ("prompt", _WORD),
        ("attributes", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("attempt", pa.int32()),
        ("slot", pa.int32()),
        ("request", pa.string()),
    ]
)


class ProvenanceFile:
    """Rows of provenance, one a written text.

    ``query_id`` is the item's id: the query a passage was written for, or what a query was written from. Tokens and
    seconds are those of the request, which the texts of one reply share. ``prompt`` is the SHA-256 of the recipe's
    identity (prompt, levels, attributes). ``attributes`` is JSON text. ``request`` is the content key.

    Args:
        file: where to write.
        recipe: what was asked.
        model: the engine's model.
    """

    def __init__(self, file: BinaryIO, recipe: Recipe, model: str) -> None:
        self._writer = parquet.ParquetWriter(file, SCHEMA)
        self._rows: list[dict[str, Any]] = []
        self._same = {"recipe": recipe.name, "model": model, "prompt": sha256_of_json(recipe.identity())}

    def add(self, item: Item, text: Mapping[str, Any], line: Mapping[str, Any], slot: int) -> None:
        """Adds a row.

        Args:
            item: what the text was written for.
            text: the text, as it stands in the log.
            line: its reply's line in the log.
            slot: the request's slot of the item.
        """
        row = {key: text[key] for key in ("id", "kind", "label", "grade")}
        row |= {key: line[key] for key in ("prompt_tokens", "output_tokens", "seconds", "attempt")}
        attributes = json.dumps(text["attributes"], ensure_ascii=False, sort_keys=True)
        row |= {"query_id": item.id, "attributes": attributes, "slot": slot, "request": line["key"]}
        self._rows.append(row | self._same)
        if len(self._rows) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def read_attributes(path: Path) -> dict[str, dict[str, Any]]:
    """Id of each written text -> what was drawn for its request."""
    table = parquet.read_table(path, columns=["id", "attributes"])
    ids, attributes = (table.column(name).to_pylist() for name in ("id", "attributes"))
    return {id: json.loads(text) for id, text in zip(ids, attributes, strict=True)}


def read_origins(path: Path, recipe: str) -> dict[str, str]:
    """Id of each text of a recipe -> id of the item it was written from."""
    table = parquet.read_table(path, columns=["id", "query_id", "recipe"])
    ids, origins, recipes = (table.column(name).to_pylist() for name in ("id", "query_id", "recipe"))
    return {id: origin for id, origin, made in zip(ids, origins, recipes, strict=True) if made == recipe}
