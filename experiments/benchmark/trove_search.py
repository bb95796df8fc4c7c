"""Trove's exact search, timed on demand. Runs inside Trove's own environment, without wrank.

::

    VENV/bin/python experiments/benchmark/trove_search.py FOLDER

FOLDER holds shards of passage vectors (``vectors-*.npy``) and ``queries.npy``, float32. All of them are read into
memory once. Then each line of standard input, a JSON object with ``k``, ``batch`` (passages at once) and ``out``, is
answered by one search and a line with its ``seconds``; the rows that were found are written to ``out``.

The search is the inner loop of Trove's ``nearest_neighbor_search``: batches of passages outside, batches of queries
(here one) inside, ``query @ passage.T``, and the collector `FastResultHeapq`. Its export of the result to Python lists,
and the second heap that it goes through there, are not in the seconds.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch


def search(queries_QD: torch.Tensor, passages_ND: torch.Tensor, ids: list[str], k: int, batch: int) -> Any:
    """The collector after all batches."""
    from trove.containers import FastResultHeapq

    collector = FastResultHeapq(topk=k)
    query_ids = [str(row) for row in range(len(queries_QD))]
    for start in range(0, len(passages_ND), batch):
        scores = queries_QD @ passages_ND[start : start + batch].T
        collector(
            scores=scores,
            qids=query_ids,
            docids=ids[start : start + batch],
            is_first_query_batch=True,
        )
    collector.update_topk_records()
    return collector


def main() -> None:
    """Answers until the input ends."""
    parser = argparse.ArgumentParser(description="time Trove's FastResultHeapq, in Trove's own environment")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    shards = [np.load(path) for path in sorted(folder.glob("vectors-*.npy"))]
    passages, queries = torch.from_numpy(np.concatenate(shards)), torch.from_numpy(np.load(folder / "queries.npy"))
    del shards
    ids = [str(row) for row in range(len(passages))]
    print(json.dumps({"threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        with torch.inference_mode():
            start = time.perf_counter()
            collector = search(queries, passages, ids, wanted["k"], wanted["batch"])
            seconds = time.perf_counter() - start
        np.save(wanted["out"], torch.cat(collector.topk_docs_so_far["indices"]).numpy())
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
