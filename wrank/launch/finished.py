"""Jobs that are finished: found by their whole configuration, so that the same line starts only what is missing.

A job is finished when its record says so, what it made still stands in the store, and none of the files and folders
that its configuration names has changed since.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.files import sha256_of_json, write_atomic
from wrank.launch.record import read_facts
from wrank.manifest import MANIFEST
from wrank.store import KEY_LENGTH, io_errors

JOBS = ".jobs"
_MOST_FILES = 2000
_PLACES = ("hydra", "paths", "logger")


def job_key(verb: str, config: Mapping[str, Any]) -> str:
    """SHA-256 of a job: its verb and configuration, without places and loggers.

    Args:
        verb: run, train, ...
        config: the resolved configuration as plain values.
    """
    kept = {name: value for name, value in config.items() if name not in _PLACES}
    return sha256_of_json({"verb": verb, "config": kept, "wrank": __version__})


def remember(store: Path, key: str, config: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Notes that a job is finished.

    Args:
        store: the store's folder.
        key: the job's.
        config: its configuration as plain values, for the files that it names.
        result: what its ``result.json`` holds.
    """
    place = store / JOBS
    with io_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        facts = {"key": key, "result": dict(result), "watched": _watched(config)}
        write_atomic(place / f"{key[:KEY_LENGTH]}.json", json.dumps(facts, ensure_ascii=False) + "\n")


def recall(store: Path, key: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result of a finished job, or None when there is something left to do.

    Args:
        store: the store's folder.
        key: the job's.
        config: its configuration as plain values.
    """
    facts = read_facts(store / JOBS / f"{key[:KEY_LENGTH]}.json")
    if facts.get("key") != key or facts.get("watched") != _watched(config):
        return None
    result: dict[str, Any] = facts["result"]
    made = [Path(text) for text in _texts(result) if text.startswith(f"{store}{os.sep}")]
    return result if all((path / MANIFEST).is_file() for path in made if path != store) else None


def _watched(config: Mapping[str, Any]) -> dict[str, list[int]]:
    """Files and folders that the configuration names -> files in it, bytes, latest change in nanoseconds."""
    kept = {name: value for name, value in config.items() if name not in _PLACES}
    named = {text for text in _texts(kept) if os.sep in text and len(text) < 4096 and "\n" not in text}
    return {text: _stamp(path) for text in sorted(named) if (path := Path(text).expanduser()).exists()}


def _stamp(path: Path) -> list[int]:
    count = size = latest = 0
    for file in _files(path):
        facts = file.stat()
        count, size, latest = count + 1, size + facts.st_size, max(latest, facts.st_mtime_ns)
        if count >= _MOST_FILES:
            break
    return [count, size, latest]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file())
    else:
        yield path


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value)
