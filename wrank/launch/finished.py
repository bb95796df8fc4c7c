"""Jobs that are finished: found by their whole configuration, so that the same line starts only what is missing.

A job is finished when its record says so, what it made still stands in the store, and none of the files and folders
that its configuration names has changed since.
"""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.files import sha256_of_file, sha256_of_json, write_atomic
from wrank.launch.record import read_facts
from wrank.manifest import MANIFEST
from wrank.store import KEY_LENGTH, io_errors

JOBS = ".jobs"
_MOST_FILES = 2000
_PLACES = ("hydra", "paths", "logger")
_LONGEST = 4096
_PROMPTS = Path(__file__).parents[1] / "generator" / "prompt"


def job_key(verb: str, config: Mapping[str, Any]) -> str:
    """SHA-256 of a job: its verb and configuration, without places and loggers.

    Args:
        verb: run, train, ...
        config: the resolved configuration as plain values.
    """
    kept = {name: value for name, value in config.items() if name not in _PLACES}
    spelled = json.loads(json.dumps(kept, default=str))  # a mapping's keys may be numbers
    facts = {"verb": verb, "config": spelled, "logger": (config.get("logger") or {}).get("_target_")}
    if config.get("generator"):
        facts["prompts"] = [sha256_of_file(path) for path in sorted(_PROMPTS.glob("*.txt"))]
    return sha256_of_json(facts | {"wrank": __version__})


def remember(store: Path, key: str, watched: Mapping[str, str], result: Mapping[str, Any]) -> None:
    """Notes that a job is finished.

    Args:
        store: the store's folder.
        key: the job's.
        watched: what `stamps` said when it began.
        result: what its ``result.json`` holds.
    """
    place = store / JOBS
    with io_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        facts = {"key": key, "result": dict(result), "watched": dict(watched)}
        write_atomic(place / f"{key[:KEY_LENGTH]}.json", json.dumps(facts, ensure_ascii=False) + "\n")


def recall(store: Path, key: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result of a finished job, or None when there is something left to do.

    Args:
        store: the store's folder.
        key: the job's.
        config: its configuration as plain values.
    """
    facts = read_facts(store / JOBS / f"{key[:KEY_LENGTH]}.json")
    if facts.get("key") != key or facts.get("watched") != stamps(config):
        return None
    result = facts.get("result")
    made = [Path(text) for text in _texts(result) if text.startswith(f"{store}{os.sep}")]
    whole = bool(made) and all((path / MANIFEST).is_file() for path in made)
    return result if isinstance(result, dict) and whole else None


def stamps(config: Mapping[str, Any]) -> dict[str, str]:
    """Files and folders that the configuration names -> a hash of their files' names, sizes and times of change.

    Any value that is the name of something that exists counts. The store and the like do not: each job changes them.

    Args:
        config: a job's configuration as plain values.
    """
    kept = {name: value for name, value in config.items() if name not in _PLACES}
    places = set(_texts(config.get("paths") or {}))
    named = {text for text in _texts(kept) if 0 < len(text) < _LONGEST and not {"\n", "\0"} & set(text)}
    found = {text: _stamp(text) for text in sorted(named - places)}
    return {text: stamp for text, stamp in found.items() if stamp}


def _stamp(text: str) -> str:
    """The hash, "" where nothing stands that can be read."""
    rows = []
    with suppress(OSError, RuntimeError):  # the latter: a word that begins with ~ and is nobody's home
        for file in itertools.islice(_files(Path(text).expanduser()), _MOST_FILES):
            facts = file.stat()
            rows.append([str(file), facts.st_size, facts.st_mtime_ns])
    return sha256_of_json(sorted(rows)) if rows else ""


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.exists():
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
