"""A corpus encoded shard by shard, by as many processes as come: ranks of a launcher, jobs of a sweep, children.

Shapes: N texts, D embedding size.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import BaseFileLock, Timeout

from wrank.evaluation.encode import Encoder, Role, Texts, encode_blocks, encoding
from wrank.evaluation.pieces import Pieces
from wrank.evaluation.settings import Precision
from wrank.evaluation.vectors import (
    META,
    SHARD_ROWS,
    Progress,
    Storage,
    finish,
    narrowed,
    shard_name,
    shards_of,
    write_array,
)
from wrank.files import write_atomic


@dataclass(frozen=True)
class ShardJob:
    """What is encoded, and how; the same for every process that takes part.

    Attributes:
        texts: N texts, read a slice at a time.
        role: ``query`` or ``passage``.
        folder: where the shards go.
        locks: folder of the locks, which stays when `folder` is renamed.
        name: names the vectors in the locks.
        batch_tokens: tokens a batch, padding included.
        precision: of products inside the encoder.
        storage: number format on disk.
    """

    texts: Texts
    role: Role
    folder: Path
    locks: Path
    name: str
    batch_tokens: int
    precision: Precision
    storage: Storage

    @property
    def pieces(self) -> Pieces:
        """The shards as pieces of work."""
        return Pieces(self.folder, self.locks, self.name, shards_of(len(self.texts)), _record, META)

    def size(self, shard: int) -> int:
        """Texts of a shard."""
        return min(SHARD_ROWS, len(self.texts) - shard * SHARD_ROWS)


def encode_shards(model: Encoder, job: ShardJob, device: str, rank: int, ranks: int, progress: Progress) -> None:
    """Makes the shards that nobody has made, until all are there.

    Args:
        model: a bi-encoder.
        job: what is encoded.
        device: where, e.g. ``cuda:1``.
        rank: number of this process among those that were started together, from 0: decides where it begins.
        ranks: how many were.
        progress: called with the number of texts just done, here or by another process.

    Raises:
        WrankError: broken vectors, a full disk.
    """
    told: set[int] = set()
    with encoding(model, job.precision, device):
        for left in job.pieces.rounds(rank, ranks):
            _tell(job, told, progress)
            _encode_free(model, job, left, told, progress)
    _tell(job, told, progress)


def _tell(job: ShardJob, told: set[int], progress: Progress) -> None:
    """Adds what others have done to the progress, once."""
    for shard in range(job.pieces.count):
        if shard not in told and job.pieces.is_done(shard):
            told.add(shard)
            progress(job.size(shard))


def _encode_free(model: Encoder, job: ShardJob, left: Sequence[int], told: set[int], progress: Progress) -> None:
    """Encodes those of the shards that nobody is at; waits a little where there is none."""
    taken: dict[int, BaseFileLock] = {}  # two at the most: what is encoded, and what is tokenised meanwhile
    any_taken = False
    try:
        for encoded in encode_blocks(model, _taken(job, left, taken), job.role, job.batch_tokens, progress):
            any_taken = True
            shard = next(iter(taken))
            told.add(shard)
            write_array(job.folder / shard_name(shard), narrowed(torch.from_numpy(encoded.vectors_ND), job.storage))
            write_atomic(job.folder / _record(shard), json.dumps({"truncated": encoded.truncated}) + "\n")
            taken.pop(shard).release()
    finally:
        for lock in taken.values():
            lock.release()
    if not any_taken:
        job.pieces.wait(left[0])


def _taken(job: ShardJob, left: Sequence[int], taken: dict[int, BaseFileLock]) -> Iterator[Sequence[str]]:
    """The texts of the free shards, one after another; each is locked when it is taken."""
    for shard in left:
        lock = job.pieces.lock(shard)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        if not job.pieces.is_ours(shard):
            lock.release()
            continue
        taken[shard] = lock
        yield job.texts[shard * SHARD_ROWS : shard * SHARD_ROWS + job.size(shard)]


def complete(job: ShardJob, dimension: int) -> int:
    """Joins the records of the shards into ``vectors.json``, after the last shard.

    Args:
        job: what was encoded.
        dimension: size D of a vector.

    Returns:
        How many texts were cut at the length limit.
    """
    records = [job.folder / _record(shard) for shard in range(job.pieces.count)]
    truncated = sum(int(json.loads(record.read_text(encoding="utf-8"))["truncated"]) for record in records)
    finish(job.folder, len(job.texts), dimension, job.storage, truncated)
    for record in records:
        record.unlink()
    job.pieces.remove_locks()
    return truncated


def _record(shard: int) -> str:
    return f"shard-{shard:05d}.json"
