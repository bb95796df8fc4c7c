"""Exact search: wrank beside FAISS's IndexFlatIP and Trove's FastResultHeapq, on the same vectors, in one run.

Run it with ``python -m experiments.benchmark.bench_search``: 1 M vectors of 384 numbers, 1,000 queries, 100 and 1,000
ranks (``WRANK_BENCH_SHARE=0.01``: a hundredth of the vectors). The contestants take turns. FAISS and Trove hold all
vectors in memory; wrank is timed from memory and mapped from disk. Trove runs in its own environment, with the best of
a few batch sizes; wrank's time includes its rankings, theirs nothing after the last score. Rows are compared: where two
differ, by float64 products.

Then the private memory of wrank's search at 100 K and 2 M passages with the same chunk, each in a fresh process. 5 GB
of disk, about ten minutes.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.benchmark.search_files import DIMENSION, QUERIES, write_vectors
from experiments.benchmark.trove_environment import prepare
from wrank.errors import WrankError
from wrank.evaluation.index.library import library, use_threads
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import NOTHING_LEFT_OUT, to_rankings, top_keys
from wrank.evaluation.vectors import InMemory, Readable

_WHERE = Path("outputs/benchmark")
_PASSAGES, _SMALL, _LARGE = 1_000_000, 100_000, 2_000_000
_DEPTHS = (100, 1000)
_TURNS = 3
_TROVE_BATCHES = (4096, 16384, 65536)
_NEAR = 1e-6  # scores of two float32 sums that may stand in either order

Timed = Callable[[int], tuple[float, np.ndarray]]  # ranks -> seconds, rows [Q, K]


def main() -> dict[str, Any]:
    """Run the benchmark, print its tables and return its numbers; ``{"skipped": reason}`` where a part is missing."""
    share = float(os.environ.get("WRANK_BENCH_SHARE", "1"))
    sizes = [max(2000, round(share * size)) for size in (_SMALL, _PASSAGES, _LARGE)]
    _WHERE.mkdir(parents=True, exist_ok=True)
    wanted, free = 2 * sum(sizes) * DIMENSION * 4, shutil.disk_usage(_WHERE).free
    if free < wanted:
        reason = f"{wanted / 1e9:.0f} GB of disk are wanted, {free / 1e9:.0f} are free"
        print(f"bench_search: skipped: {reason}")
        return {"skipped": reason}
    folders = [_WHERE / f"search-{size}" for size in sizes]
    try:
        speed = _speed(folders[1], sizes[1])
        memory = _memory(dict(zip(folders[::2], sizes[::2], strict=True)))
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return {"speed": speed, "memory": memory}


def _speed(folder: Path, rows: int) -> dict[str, Any]:
    vectors = write_vectors(folder, rows)
    queries, passages = np.load(folder / "queries.npy"), vectors.chunk(0, rows)
    trove = _Trove(folder)
    contestants: dict[str, Timed] = {
        "wrank, in memory": _wrank(queries, InMemory(passages)),
        "wrank, mapped from disk": _wrank(queries, vectors),
    }
    contestants |= _faiss(queries, passages) | ({"Trove FastResultHeapq": trove.search} if trove.batches else {})
    result: dict[str, Any] = {"threads": torch.get_num_threads(), "passages": rows, "trove_batch": trove.batch}
    print(f"{rows:,} x {DIMENSION} float32, {QUERIES:,} queries, {torch.get_num_threads()} threads, {_TURNS} turns")
    for k in _DEPTHS:
        found, seconds = _turns(contestants, min(k, rows))
        result[f"k={k}"] = {name: _row(times, seconds) for name, times in seconds.items()}
        _print(k, result[f"k={k}"])
        own = found["wrank, in memory"]
        agreement = {name: _agreement(own, rows_QK, queries, passages) for name, rows_QK in found.items()}
        result[f"k={k}"]["agreement"] = agreement
        for name, (other, gap) in agreement.items():
            print(f"  {name}: {other:,} of {own.size:,} rows are others than wrank's, float64 scores {gap:.0e} apart")
            if gap > _NEAR:
                raise SystemExit(f"bench_search: {name} and wrank found other passages than rounding explains")
    trove.close()
    return result


def _turns(contestants: Mapping[str, Timed], k: int) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    found = {name: run(k)[1] for name, run in contestants.items()}  # also the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(_TURNS):
        for name, run in contestants.items():
            seconds[name].append(run(k)[0])
    return found, seconds


def _row(times: list[float], seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """Median seconds and spread, and how many times as long as wrank in memory, the median over turns."""
    ratios = [theirs / ours for theirs, ours in zip(times, seconds["wrank, in memory"], strict=True)]
    spread = {"fastest": min(times), "slowest": max(times)}
    return {"seconds": statistics.median(times), **spread, "ratio": statistics.median(ratios)}


def _print(k: int, rows: Mapping[str, Mapping[str, float]]) -> None:
    print(f"{f'{k:,} ranks':30} seconds (fastest to slowest)   times wrank in memory")
    for name, row in rows.items():
        spread = f"({row['fastest']:.2f} to {row['slowest']:.2f})"
        print(f"{name:30} {row['seconds']:7.2f} {spread:22} {row['ratio']:22.2f}")


def _wrank(queries: np.ndarray, vectors: Readable) -> Timed:
    ties = Ties.of_order(np.arange(len(vectors) - 1, -1, -1, dtype=np.int32))
    ids = [str(row) for row in range(len(vectors))]

    def run(k: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        keys_QK = top_keys(queries, vectors, ties, k=k)
        rankings = to_rankings(keys_QK, ids[: len(queries)], ids, ties, NOTHING_LEFT_OUT)
        return time.perf_counter() - start, rankings.rows_QK

    return run


def _faiss(queries: np.ndarray, passages: np.ndarray) -> dict[str, Timed]:
    try:
        index = library().IndexFlatIP(DIMENSION)
    except WrankError as error:
        print(f"bench_search: without FAISS: {error}")
        return {}
    index.add(passages)
    use_threads()

    def run(k: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        rows_QK = index.search(queries, k)[1]
        return time.perf_counter() - start, rows_QK

    return {"FAISS IndexFlatIP": run}


class _Trove:
    """Trove's process, if its environment can be made; `batches` is empty where it cannot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.batch: int | None = None
        self.batches: tuple[int, ...] = ()
        try:
            python = prepare(_WHERE / "trove")
        except WrankError as error:
            print(f"bench_search: Trove's environment could not be made, so it is left out: {error}")
            return
        words = [str(python), str(Path(__file__).with_name("trove_search.py")), str(folder)]
        threads = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=threads)
        self._answer()
        self.batches = _TROVE_BATCHES
        for batch in self.batches:
            self._ask(_DEPTHS[0], batch)  # the warm-up
        self.batch = min(self.batches, key=lambda batch: self._ask(_DEPTHS[0], batch))

    def search(self, k: int) -> tuple[float, np.ndarray]:
        """Seconds and rows."""
        seconds = self._ask(k, self.batch)
        return seconds, np.load(self.folder / "trove.npy")

    def close(self) -> None:
        """Ends the process."""
        if self.batches:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait()

    def _ask(self, k: int, batch: int | None) -> float:
        assert self.process.stdin
        question = {"k": k, "batch": batch, "out": str((self.folder / "trove.npy").absolute())}
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return float(self._answer()["seconds"])

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench_search: Trove's process ended (see above)")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _agreement(own: np.ndarray, other: np.ndarray, queries: np.ndarray, passages: np.ndarray) -> tuple[int, float]:
    """How many places hold another row, and how far the float64 scores at one place are apart at most."""
    query, place = np.nonzero(own != other)
    if not len(query):
        return 0, 0.0
    asked = queries[query].astype(np.float64)
    scores = [(asked * passages[rows[query, place]].astype(np.float64)).sum(axis=1) for rows in (own, other)]
    return len(query), float(np.abs(scores[0] - scores[1]).max())


def _memory(sizes: Mapping[Path, int]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for folder, rows in sizes.items():
        write_vectors(folder, rows)
        words = [sys.executable, "-m", "experiments.benchmark.search_memory", str(folder), "--k", str(_DEPTHS[-1])]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        figures[f"{rows}"] = row = json.loads(done.stdout)
        if row["before_mb"] is None:
            print(f"{rows:>9,} passages: this system does not tell a process's memory")
            continue
        print(
            f"{rows:>9,} passages: at most {row['peak_mb']:,.0f} MB of private memory written to, "
            f"{row['before_mb']:,.0f} of them before the search"
        )
    return figures


if __name__ == "__main__":
    main()
