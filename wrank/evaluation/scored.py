"""A finished evaluation read back from its folder, as tables and comparisons want it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.files import read_jsonl
from wrank.manifest import read_manifest


@dataclass(frozen=True)
class Scored:
    """One model's scores on one split.

    Attributes:
        name: the model's name.
        path: the artifact's folder.
        measures: measure -> mean over the judged queries.
        per_query: query id -> measure -> value.
        result: counts and timings from the manifest.
    """

    name: str
    path: Path
    measures: dict[str, float]
    per_query: dict[str, dict[str, float]]
    result: dict[str, Any]


def read_scored(path: Path, name: str) -> Scored:
    """Reads an evaluation's folder back.

    Raises:
        WrankError: a folder that is no finished artifact.
    """
    result = read_manifest(path)["result"]
    per_query = {row.pop("query_id"): row for _, row in read_jsonl(path / "per_query.jsonl")}
    measures = json.loads((path / "measures.json").read_text(encoding="utf-8"))
    return Scored(name, path, measures, per_query, result)
