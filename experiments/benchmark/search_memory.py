"""The most memory that wrank's exact search takes for itself, in a process of its own.

::

    python -m experiments.benchmark.search_memory FOLDER --k 1000

FOLDER is what `search_files.write_vectors` made; vectors and the order of ids are mapped from it. One JSON object is
printed: ``before_mb``, private memory written to when all is imported and opened, ``peak_mb``, the most of it during
the search (looked at fifty times a second), and ``seconds``. Megabytes of 10^6 bytes; null where the kernel does not
tell.
"""

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmark.trove_data import _private_mb
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import NOTHING_LEFT_OUT, to_rankings, top_keys
from wrank.evaluation.vectors import Vectors


def measure(folder: Path, k: int, chunk: int) -> dict[str, Any]:
    """One search, in this process."""
    queries, vectors = np.load(folder / "queries.npy"), Vectors(folder)
    ties = Ties.of_order(np.load(folder / "order.npy", mmap_mode="r"))
    before, peak, ended = _private_mb()[1], [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            peak.append(_private_mb()[1] or 0.0)

    watch = threading.Thread(target=look)
    watch.start()
    start = time.perf_counter()
    keys_QK = top_keys(queries, vectors, ties, k=k, chunk=chunk)
    query_ids = [str(row) for row in range(len(queries))]
    scores_QK = to_rankings(keys_QK, query_ids, [], ties, NOTHING_LEFT_OUT).scores_QK  # no id is looked up
    seconds = time.perf_counter() - start
    ended.set()
    watch.join()
    known = before is not None
    figures = {"before_mb": before, "peak_mb": max(peak) if known else None, "seconds": seconds}
    return figures | {"passages": len(vectors), "ranks": int(scores_QK.size)}


def main() -> None:
    """Prints the figures of the folder that the command line names."""
    parser = argparse.ArgumentParser(description="measure the memory of wrank's exact search")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--k", type=int, default=1000, help="ranks a query")
    parser.add_argument("--chunk", type=int, default=16384, help="passages scored at once")
    words = parser.parse_args()
    print(json.dumps(measure(words.folder, words.k, words.chunk)))


if __name__ == "__main__":
    main()
