"""A corpus searched part by part, by as many processes as come; see `pieces.py`. The result is that of one search.

Shapes: Q queries, K ranks, D embedding size.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import Timeout

from wrank.evaluation.pieces import Pieces
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import LeftOut, merged, top_keys
from wrank.evaluation.vectors import SHARD_ROWS, Progress, Readable, write_array

PART_ROWS = 256 * SHARD_ROWS
"""Passages of a part: about a million."""

_QUERIES = ".queries.npy"  # hidden files are removed when the artifact is complete


@dataclass(frozen=True)
class SearchJob:
    """What is searched, and how; the same for every process that takes part.

    Attributes:
        passages: vectors.
        ties: the order of the passages' ids.
        left_out: pairs that leave the rankings.
        k: ranks wanted.
        chunk: passages scored at once.
        folder: where the parts go.
        locks: folder of the locks, which stays when `folder` is renamed.
        name: names the search in the locks.
        result: the file in `folder` that says that all is done.
    """

    passages: Readable
    ties: Ties
    left_out: LeftOut
    k: int
    chunk: int
    folder: Path
    locks: Path
    name: str
    result: str

    @property
    def pieces(self) -> Pieces:
        """The parts as pieces of work."""
        count = max(1, -(-len(self.passages) // PART_ROWS))
        return Pieces(self.folder, self.locks, self.name, count, _part, self.result)


def search_parts(
    job: SearchJob, queries_QD: np.ndarray, device: str, progress: Progress, rank: int = 0, ranks: int = 1
) -> np.ndarray:
    """Keys of the best passages [Q, K] over all parts, as `wrank.evaluation.search.top_keys` gives them of a whole.

    Args:
        job: what is searched.
        queries_QD: query vectors, float32; other processes are given these.
        device: where products are computed.
        progress: called with the number of passages just searched here.
        rank: see `Pieces.rounds`.
        ranks: see `Pieces.rounds`.

    Raises:
        WrankError: see `wrank.evaluation.search.search`.
    """
    write_array(job.folder / _QUERIES, queries_QD)
    _search(job, queries_QD, device, progress, rank, ranks)
    keys_QK = np.load(job.folder / _part(0), allow_pickle=False)
    for part in range(1, job.pieces.count):  # one by one: Q x K keys can be large
        keys_QK = merged([keys_QK, np.load(job.folder / _part(part), allow_pickle=False)], keys_QK.shape[1])
    job.pieces.remove_locks()
    return keys_QK


def help_search(job: SearchJob, device: str, rank: int, ranks: int, is_held: Callable[[], bool]) -> None:
    """Takes parts of a search that another process has begun, as soon as its queries are there.

    Args:
        job: what is searched.
        device: where products are computed.
        rank: see `Pieces.rounds`.
        ranks: see `Pieces.rounds`.
        is_held: whether the other process still lives.
    """
    while not (job.folder / _QUERIES).is_file():
        if not job.folder.is_dir() or not is_held():
            return
        time.sleep(0.1)
    try:
        queries_QD = np.load(job.folder / _QUERIES, allow_pickle=False)
    except FileNotFoundError:  # complete, and renamed
        return
    _search(job, queries_QD, device, lambda count: None, rank, ranks)


def _search(job: SearchJob, queries_QD: np.ndarray, device: str, progress: Progress, rank: int, ranks: int) -> None:
    pieces = job.pieces
    for left in pieces.rounds(rank, ranks):
        taken = 0
        for part in left:
            try:
                with pieces.lock(part).acquire(timeout=0):
                    if not pieces.is_ours(part):
                        continue
                    taken += 1
                    keys_QK = top_keys(
                        queries_QD,
                        job.passages,
                        job.ties,
                        k=job.k,
                        left_out=job.left_out,
                        chunk=job.chunk,
                        device=device,
                        progress=progress,
                        start=part * PART_ROWS,
                        stop=(part + 1) * PART_ROWS,
                    )
                    write_array(job.folder / _part(part), keys_QK)
            except Timeout:
                continue
        if not taken:
            pieces.wait(left[0])


def _part(part: int) -> str:
    return f".top-{part:05d}.npy"
