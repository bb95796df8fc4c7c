"""Trove's way to the first group of passages, timed. Runs inside Trove's own environment, without wrank.

::

    VENV/bin/python experiments/benchmark/trove_data.py FOLDER --cache CACHE

FOLDER is a BEIR folder (`collection_files` writes one), VENV comes from `trove_environment`. The data is opened as for
training on several levels: a `MultiLevelDataset` over one `MaterializedQRelConfig`, groups of four chosen at random.
Two processes, one after the other: ``cold`` with no caches of Trove's and datasets' (the pages of the operating system
stay as they are), ``warm`` with those that the first left. One JSON object is printed; for each of the two it tells

- ``import_s``: seconds of the imports, which no other figure holds;
- ``first_sample_s``: seconds from the paths to the first group's texts and grades;
- ``private_mb``: memory that the process shares with no other, after the first sample, in megabytes of 10^6 bytes;
  ``dirty_mb`` is what of it no second process on the same files could share, so pages of mapped files are left out;
  ``import_mb`` and ``import_dirty_mb`` are the same after the imports. Null where the kernel does not tell;
- ``groups_per_s``: groups read at random places, each a query with its passages as text, over ``groups`` of them.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GROUP = 4
GROUPS, SECONDS = 2000, 10.0  # read at random at least, in number and time
MARK = "trove-benchmark-cache"  # a folder without this file is not ours to remove
ROLLUP = Path("/proc/self/smaps_rollup")


def compare(folder: Path, cache: Path, *, seed: int = 0, storage: str = "in_memory") -> dict[str, Any]:
    """Both measurements, each in a process of its own.

    Args:
        folder: the BEIR folder, with ``qrels/train.tsv``.
        cache: where every cache goes; removed first, and left behind.
        seed: of the places that are read.
        storage: Trove's setting for the table from ids to rows, ``in_memory`` (its default) or ``memory_mapped``.
    """
    if cache.exists():
        if not (cache / MARK).is_file():
            raise SystemExit(f"trove_data: {cache} was not made by this script; wanted a new folder for the caches")
        shutil.rmtree(cache)
    cache.mkdir(parents=True)
    (cache / MARK).touch()
    places = {"HF_HOME": "hub", "HF_DATASETS_CACHE": "datasets", "TROVE_CACHE_DIR": "trove"}
    settings = {name: str(cache.absolute() / place) for name, place in places.items()}
    offline = {"HF_HUB_OFFLINE": "1", "TROVE_LOG_LEVEL": "WARNING", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, __file__, str(folder), "--seed", str(seed), "--storage", storage, "--measure"]
    results: dict[str, Any] = {}
    for start in ("cold", "warm"):
        environment = os.environ | settings | offline
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"trove_data: the {start} process ended with status {done.returncode} (see above)")
        results[start] = json.loads(done.stdout.strip().split("\n")[-1])
    return results


def measure(folder: Path, seed: int, storage: str) -> dict[str, Any]:
    """Opens the collection in this process, and reads from it."""
    start = time.perf_counter()
    import numpy as np
    from trove import DataArguments, MaterializedQRelConfig, MultiLevelDataset

    imported = time.perf_counter()
    figures: dict[str, Any] = {"import_s": imported - start}
    figures["import_mb"], figures["import_dirty_mb"] = _private_mb()
    np.random.seed(seed)  # Trove chooses passages with it
    draw = random.Random(seed)
    started = time.perf_counter()
    relations = MaterializedQRelConfig(
        qrel_path=str(folder / "qrels" / "train.tsv"),
        query_path=str(folder / "queries.jsonl"),
        corpus_path=str(folder / "corpus.jsonl"),
        group_random_k=GROUP,
    )
    dataset = MultiLevelDataset(
        data_args=DataArguments(group_size=GROUP, passage_selection_strategy="random"),
        format_query=_query_text,
        format_passage=_passage_text,
        qrel_config=relations,
    )
    if storage != "in_memory":
        dataset.set_index_lookup_storage_type(storage)
    _read(dataset, draw)
    figures["first_sample_s"] = time.perf_counter() - started
    figures["private_mb"], figures["dirty_mb"] = _private_mb()
    groups, characters, begun, seconds = 0, 0, time.perf_counter(), 0.0
    while groups < GROUPS or seconds < SECONDS:
        characters += _read(dataset, draw)
        groups += 1
        seconds = time.perf_counter() - begun
    rates = {"groups": groups, "groups_per_s": groups / seconds, "characters_a_group": characters / groups}
    return figures | rates | {"queries": len(dataset)}


def _read(dataset: Any, draw: random.Random) -> int:
    """The characters of a group at a random place."""
    group = dataset[draw.randrange(len(dataset))]
    if len(group["passage"]) != GROUP or len(group["label"]) != GROUP:
        raise SystemExit(f"trove_data: wanted {GROUP} passages and their grades, got {group}")
    return len(group["query"]) + sum(map(len, group["passage"]))


def _query_text(text: str, **_: Any) -> str:
    return text.strip()


def _passage_text(text: str, title: str | None = None, **_: Any) -> str:
    return f"{title or ''} {text}".strip()


def _private_mb() -> tuple[float | None, float | None]:
    """All of the private memory of this process, and what of it was written to."""
    if not ROLLUP.exists():
        return None, None
    lines = [line.split() for line in ROLLUP.read_text(encoding="ascii").strip().split("\n")[1:]]
    size = {words[0].rstrip(":"): int(words[1]) * 1024 / 1e6 for words in lines}
    return size["Private_Clean"] + size["Private_Dirty"], size["Private_Dirty"]


def main() -> None:
    """Prints the figures of the folder that the command line names."""
    parser = argparse.ArgumentParser(description="time Trove's start on a BEIR folder, in Trove's own environment")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="folder for all caches; one left by this script is removed first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", choices=("in_memory", "memory_mapped"), default="in_memory")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.measure:
        print(json.dumps(measure(words.folder, words.seed, words.storage)))
    elif words.cache is None:
        parser.error("--cache is needed")
    else:
        print(json.dumps(compare(words.folder, words.cache, seed=words.seed, storage=words.storage), indent=1))


if __name__ == "__main__":
    main()
