"""The corpus is mapped, not copied: a worker's own memory does not grow with it."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from wrank.data.collection import Collection
from wrank.data.judgements import Judgements
from wrank.data.lists import ListSampler
from wrank.data.table import TextTable
from wrank.data.union import UnionTable
from wrank.training.datamodule import StreamLoader

ROLLUP = Path("/proc/self/smaps_rollup")
QUERIES, WORKERS, BATCHES, BATCH_SIZE = 400, 2, 200, 16
pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and ROLLUP.is_file()), reason="reads /proc/self/smaps_rollup, which Linux has"
)


def private_mib():
    """Memory that this process alone has written to."""
    return int(re.search(r"Private_Dirty:\s+(\d+)", ROLLUP.read_text()).group(1)) / 1024


class Watched:
    """A collate function that hands out, beside each batch's size, whose memory it took."""

    def __init__(self, collate):
        self.collate = collate

    def __call__(self, lists):
        batch = self.collate(lists)
        return os.getpid(), private_mib(), int(batch.mask_BK.sum())


def collection(folder, passages):
    """As a mix has it: two tables read as one, each query with two judged passages somewhere in them."""
    texts = ((f"p{n}", f"passage {n} says {n * 7919 % 100_003} " + f"word{n % 97} " * 20) for n in range(passages))
    more = ((f"g{n}", f"written passage {n}") for n in range(50))
    table = UnionTable([TextTable.build(texts, folder / "passages"), TextTable.build(more, folder / "more")])
    queries = TextTable.build(((f"q{n}", f"query {n}") for n in range(QUERIES)), folder / "queries")
    rows = np.random.default_rng(0).permutation(passages)[: 2 * QUERIES]
    query_rows = np.repeat(np.arange(QUERIES), 2)
    judged = Judgements.of_pairs(queries, table, query_rows, rows, np.tile([2.0, 1.0], QUERIES))
    return Collection("made", table, queries, judged, {}, "train", "f")


def worker_memory(folder, passages):
    """The most private memory of a worker, in MiB, and how many passages the workers read."""
    made = collection(folder, passages)
    sampler = ListSampler(made, size=12, negatives="random")
    batches = WORKERS * BATCHES
    loader = StreamLoader(sampler, made.known_keys, batches=batches, batch_size=BATCH_SIZE, workers=WORKERS)
    loader.collate = Watched(loader.collate)
    seen = list(loader)
    assert len({pid for pid, _, _ in seen}) == WORKERS
    assert os.getpid() not in {pid for pid, _, _ in seen}
    return max(memory for _, memory, _ in seen), sum(count for _, _, count in seen)


@pytest.mark.slow
def test_workers_private_memory_does_not_grow_with_the_corpus(tmp_path):
    small, read_small = worker_memory(tmp_path / "small", 20_000)
    large, read_large = worker_memory(tmp_path / "large", 200_000)
    assert read_small == read_large == WORKERS * BATCHES * BATCH_SIZE * 12, "passages from all over the corpus"
    assert large - small < 15, f"{small:.0f} MiB of a worker's own at 20,000 passages, {large:.0f} MiB at 200,000"
