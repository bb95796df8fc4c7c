"""wrank's way to the first group of passages, timed like Trove's (`trove_data`): the same files, figures, and groups.

::

    python -m experiments.benchmark.wrank_data FOLDER --cache CACHE

Further figures: ``peak_dirty_mb``, the most private memory written to at any moment of the start, and
``worker_dirty_mb``: that of each DataLoader worker (forked, as PyTorch does on Linux) after reading a share of the
groups, with two and with four workers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from experiments.benchmark.trove_data import GROUP, GROUPS, SECONDS, _private_mb

MARK = "wrank-benchmark-cache"
_WORKERS = (2, 4)
_BATCHES = 100  # of 16 groups, all workers together


def compare(folder: Path, cache: Path, seed: int = 0) -> dict[str, Any]:
    """Both measurements, each in a process of its own.

    Args:
        folder: the BEIR folder, with ``qrels/train.tsv``.
        cache: where the tables go; removed first, and left behind.
        seed: of the places that are read.
    """
    if cache.exists() and not (cache / MARK).is_file():
        raise SystemExit(f"wrank_data: {cache} was not made by this script; wanted a new folder for the tables")
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    (cache / MARK).touch()
    command = [sys.executable, "-m", "experiments.benchmark.wrank_data", str(folder), "--seed", str(seed)]
    results: dict[str, Any] = {}
    for start in ("cold", "warm"):
        words = [*command, "--cache", str(cache), "--measure"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        results[start] = json.loads(done.stdout)
    return results


def measure(folder: Path, cache: Path, seed: int) -> dict[str, Any]:
    """One start, in this process."""
    began = time.perf_counter()
    import numpy as np

    from wrank.data.lists import ListSampler
    from wrank.data.source.beir import BeirSource

    figures: dict[str, Any] = {"import_s": time.perf_counter() - began, "import_dirty_mb": _private_mb()[1]}
    peak = _Peak()
    began = time.perf_counter()
    sampler = ListSampler(BeirSource(str(folder)).load("train", cache), size=GROUP, seed=seed)
    sampler.sample(0, 0)
    figures["first_sample_s"] = time.perf_counter() - began
    figures["peak_dirty_mb"] = peak.stop()
    figures["private_mb"], figures["dirty_mb"] = _private_mb()
    places = np.random.default_rng(seed).integers(len(sampler), size=1_000_000).tolist()
    groups, began = 0, time.perf_counter()
    while groups < GROUPS or time.perf_counter() - began < SECONDS:
        item = sampler.sample(0, places[groups])
        if len(item.passages) != GROUP:
            raise SystemExit(f"wrank_data: wanted {GROUP} passages, got {item}")
        groups += 1
    figures |= {"groups": groups, "groups_per_s": groups / (time.perf_counter() - began), "queries": len(sampler)}
    return figures | {"worker_dirty_mb": {str(workers): _worker_mb(sampler, workers) for workers in _WORKERS}}


class _Peak:
    """The most private memory written to, looked at five times a second."""

    def __init__(self) -> None:
        self._most, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.2):
            self._most = max(self._most, _private_mb()[1] or 0.0)

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._most


class _Groups:
    """A dataset whose items are the group at a place and the worker's private memory."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def __len__(self) -> int:
        return len(self.sampler)

    def __getitem__(self, index: int) -> float:
        self.sampler.sample(0, index)
        return _private_mb()[1] or 0.0


def _worker_mb(sampler: Any, workers: int) -> float:
    """The largest private memory written to of any worker, in MB, after its share of the groups."""
    import torch  # which a training has imported before; the figures above are without it
    from torch.utils.data import DataLoader

    warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
    order = torch.randperm(len(sampler), generator=torch.Generator().manual_seed(0))[: 16 * _BATCHES].tolist()
    groups: Any = _Groups(sampler)
    loader: DataLoader[float] = DataLoader(groups, batch_size=16, sampler=order, num_workers=workers)
    return float(max(batch.max() for batch in list(loader)[-workers:]))


def main() -> None:
    """Prints the figures of the folder that the command line names."""
    parser = argparse.ArgumentParser(description="time wrank's start on a BEIR folder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the tables; removed first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    run = measure if words.measure else compare
    print(json.dumps(run(words.folder, words.cache, words.seed), indent=1))


if __name__ == "__main__":
    main()
