"""Exact search: the top k passages of each query by dot product, in bounded memory.

Shapes: Q queries, N passages, D embedding size, C passages a chunk, K ranks, P pairs, H hits.

The result does not depend on the chunk size, on the parts that a corpus is searched in, on how many queries come at
once, nor on the machine, in the last bit and with ties at the cut-off:

- A score is one fixed sum (`prefilter.py`) that is the same in every company and on every device. Matrix products,
  whose last bits are not, only choose the pairs it is computed for, by a bound of how far they may be off.
- Score and tie rank are packed into one int64 key, so that no two keys of a query are equal and top-k has one answer.

Queries whose ranking the products cannot settle (many ties at the cut-off, a model that gives all passages nearly one
score) cost a second way through the corpus. Where nearly all pairs tie, all of them are summed one by one: about a
million a second.

Held at once, whatever the corpus: a chunk of vectors (half as much again where products are bfloat16), 8 MB of scores
a block of queries, about 6 Q x max(k, 256) keys, and 10 x 1024 x max(k, 256) numbers while a block is settled.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.best import LOW, NOTHING, PASSAGE_BLOCK, Best, Chunk, score_of
from wrank.evaluation.prefilter import Settling, Sizes, first_least, kept, product_format, settled
from wrank.evaluation.ranking import Rankings, Ties
from wrank.evaluation.vectors import Progress, Readable

QUERY_BLOCK = 1024
_ROUND = 128  # queries are padded to a multiple of it


@dataclass(frozen=True)
class LeftOut:
    """Pairs that leave the rankings before the cut-off.

    Attributes:
        pairs_P2: (query row, passage row), int64, each pair once.
        excluded: how many of them were excluded by the collection.
        dropped_self: how many are passages whose id is the query's.
    """

    pairs_P2: np.ndarray
    excluded: int = 0
    dropped_self: int = 0


NOTHING_LEFT_OUT = LeftOut(np.empty((0, 2), dtype=np.int64))


def search(
    queries_QD: np.ndarray,
    passages: Readable,
    query_ids: Sequence[str],
    passage_ids: Sequence[str],
    *,
    k: int,
    ties: Ties | None = None,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    chunk: int = 16384,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Rankings:
    """The k passages with the highest dot product for each query, ties by the rule of `ranking.py`.

    Args:
        queries_QD: query vectors, float32.
        passages: N passage vectors, read a chunk at a time.
        query_ids: Q ids.
        passage_ids: N ids by row, each one once; decoded when asked for.
        k: ranks wanted; a corpus with fewer passages gives shorter rankings.
        ties: the order of the ids; None sorts them here, which holds them all in memory.
        left_out: pairs that leave the rankings before the cut-off.
        chunk: passages scored at once, rounded up to a multiple of 1,024; changes no result.
        device: where products are computed, e.g. ``cpu`` or ``cuda``.
        progress: called with the number of passages just searched.

    Returns:
        Rankings with the counts of pairs left out.

    Raises:
        WrankError: shapes that do not fit, k or chunk below 1, an id twice, a score that is not finite.
    """
    for what, vectors, ids in (("query", len(queries_QD), query_ids), ("passage", len(passages), passage_ids)):
        if vectors != len(ids):
            raise WrankError(f"search: {len(ids)} {what} ids came with {vectors} {what} vectors")
    if len(set(query_ids)) < len(query_ids):
        raise WrankError("search: a query id comes twice; ids must be unique")
    ties = ties or Ties.of(passage_ids)
    keys_QK = top_keys(
        queries_QD, passages, ties, k=k, left_out=left_out, chunk=chunk, device=device, progress=progress
    )
    return to_rankings(keys_QK, query_ids, passage_ids, ties, left_out)


def top_keys(
    queries_QD: np.ndarray,
    passages: Readable,
    ties: Ties,
    *,
    k: int,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    chunk: int = 16384,
    device: str = "cpu",
    progress: Progress | None = None,
    start: int = 0,
    stop: int | None = None,
) -> np.ndarray:
    """The k greatest keys of each query among the passages from row start up to stop: int64 [Q, K], falling.

    `merged` joins the keys of several parts of a corpus; `to_rankings` turns keys into rankings.

    Args:
        queries_QD: see `search`, as are the arguments not named here.
        passages: see `search`.
        ties: see `search`.
        k: see `search`.
        left_out: see `search`.
        chunk: see `search`.
        device: see `search`.
        progress: see `search`.
        start: first row; a multiple of 1,024.
        stop: row after the last; None = the end.

    Raises:
        WrankError: see `search`.
    """
    stop = len(passages) if stop is None else min(stop, len(passages))
    _check(queries_QD, passages, k, chunk, start)
    k = min(k, len(passages))
    if not len(queries_QD) or stop <= start:
        return np.full((len(queries_QD), k), NOTHING, dtype=np.int64)
    job = _Job(passages, ties, left_out.pairs_P2, chunk, device, start, stop)
    dtype = product_format(device)
    with _full_float32(device):
        sizes = Sizes(dtype, passages.dimension)
        near = min(kept(k, dtype), stop - start + 1)  # one more than there are: the last place is empty
        blocks = [Best(queries, rows, max(near, k), dtype) for queries, rows in _blocks(queries_QD, device)]
        first_least(blocks, passages, start, stop, sizes)
        job.search(blocks, np.arange(len(queries_QD)), sizes, progress)
        found = [settled(one, k, passages, ties, sizes) for one in blocks]
        keys_QK = torch.cat([keys for keys, _ in found])
        open_O = (~torch.cat([certain for _, certain in found])).nonzero().squeeze(1)
        if len(open_O):
            keys_QK[open_O] = job.settle(queries_QD, open_O, keys_QK[open_O], sizes)
    return keys_QK.numpy()


def merged(parts: Sequence[np.ndarray], k: int) -> np.ndarray:
    """The k greatest keys of several parts [Q, K]: the same, bit for bit, as of one search over all of them."""
    joined = torch.from_numpy(np.concatenate(list(parts), axis=1))
    return joined.topk(min(k, joined.shape[1]), dim=1, sorted=True).values.numpy()


def to_rankings(
    keys_QK: np.ndarray, query_ids: Sequence[str], passage_ids: Sequence[str], ties: Ties, left_out: LeftOut
) -> Rankings:
    """Keys as rankings: rows and float32 scores; -1 and -inf where there is no passage."""
    keys = torch.from_numpy(keys_QK)
    empty_QK = (keys == NOTHING).numpy()
    scores_QK = score_of(keys).numpy()
    rank_QK = np.where(empty_QK, 0, (LOW - (keys & LOW)).numpy())
    rows_QK = np.where(empty_QK, -1, ties.order_N[rank_QK] if len(ties.order_N) else -1).astype(np.int64)
    scores_QK = np.where(empty_QK, np.float32(-np.inf), scores_QK)
    return Rankings(list(query_ids), passage_ids, rows_QK, scores_QK, left_out.excluded, left_out.dropped_self)


@contextmanager
def _full_float32(device: str) -> Iterator[None]:
    """No autocast, no TF32 and no bfloat16 inside products, whatever the caller has set for its training."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.inference_mode(), torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@dataclass(frozen=True)
class _Job:
    """What is searched; the arguments of `top_keys`."""

    passages: Readable
    ties: Ties
    gone_P2: np.ndarray
    chunk: int
    device: str
    start: int
    stop: int

    def search(self, blocks: Sequence[Best], rows_Q: np.ndarray, sizes: Sizes, progress: Progress | None) -> None:
        """Gives all chunks to the blocks, which hold the given queries, each up to `QUERY_BLOCK` of them."""
        row_of = np.full(rows_Q.max() + 1, -1)
        row_of[rows_Q] = np.arange(len(rows_Q))
        gone_P2 = self.gone_P2[(self.gone_P2[:, 0] <= rows_Q.max())]
        gone_P2 = np.stack([row_of[gone_P2[:, 0]], gone_P2[:, 1]], axis=1)
        pairs = torch.from_numpy(gone_P2[gone_P2[:, 0] >= 0]).to(self.device)
        step = min(_rounded(self.chunk), _rounded(len(self.passages)))
        for first in range(self.start, self.stop, step):
            chunk = self._read(first, min(step, self.stop - first), sizes)
            gone = pairs[(pairs[:, 1] >= first) & (pairs[:, 1] < first + chunk.size)]
            for number, one in enumerate(blocks):
                here = gone - gone.new_tensor([number * QUERY_BLOCK, first])
                one.add(chunk, here[(here[:, 0] >= 0) & (here[:, 0] < one.rows)])
            if progress is not None:
                progress(chunk.size)

    def settle(self, queries_QD: np.ndarray, rows_O: Tensor, keys_OK: Tensor, sizes: Sizes) -> Tensor:
        """The greatest keys of the given queries, of which those already known are no better."""
        own = queries_QD[rows_O.numpy()]
        least = score_of(keys_OK[:, -1:])
        blocks = [
            Settling(queries, rows, keys_OK.shape[1], few, sizes.error(queries[:rows], torch.float32))
            for (queries, rows), few in zip(_blocks(own, self.device), least.split(QUERY_BLOCK), strict=True)
        ]
        self.search(blocks, rows_O.numpy(), Sizes(torch.float32, self.passages.dimension), None)
        return torch.cat([one.keys().cpu() for one in blocks])

    def _read(self, first: int, size: int, sizes: Sizes) -> Chunk:
        vectors_CD = _whole_blocks(self.passages.chunk(first, first + size), self.device)
        low_C = torch.full((len(vectors_CD),), LOW, device=self.device)
        low_C[:size] -= torch.from_numpy(self.ties.rank_N[first : first + size].astype(np.int64)).to(self.device)
        factors_CD, norm = sizes.see(vectors_CD)
        return Chunk(size, vectors_CD, factors_CD, low_C, norm)


def _blocks(queries_QD: np.ndarray, device: str) -> list[tuple[Tensor, int]]:
    """Padded queries of each block, and how many are no padding."""
    parts = [queries_QD[row : row + QUERY_BLOCK] for row in range(0, len(queries_QD), QUERY_BLOCK)]
    return [(_padded(part, _ROUND, device), len(part)) for part in parts]


def _whole_blocks(chunk: np.ndarray, device: str) -> Tensor:
    """A chunk's vectors on the device, with rows of zeros up to a whole block; not copied where none is wanted."""
    as_it_is = len(chunk) == _rounded(len(chunk)) and chunk.flags.writeable and chunk.flags.c_contiguous
    return torch.from_numpy(chunk).to(device) if as_it_is else _padded(chunk, PASSAGE_BLOCK, device)


def _rounded(rows: int) -> int:
    """Up to a multiple of `PASSAGE_BLOCK`, at least one."""
    return max(1, -(-rows // PASSAGE_BLOCK)) * PASSAGE_BLOCK


def _padded(vectors: np.ndarray, block: int, device: str) -> Tensor:
    """A float32 copy on the device, with rows of zeros up to a multiple of the block."""
    rows = -(-len(vectors) // block) * block
    padded = torch.zeros((rows, vectors.shape[1]), dtype=torch.float32)
    padded.numpy()[: len(vectors)] = vectors
    return padded.to(device)


def _check(queries_QD: np.ndarray, passages: Readable, k: int, chunk: int, start: int) -> None:
    for name, value in (("k", k), ("chunk", chunk)):
        if value < 1:
            raise WrankError(f"search: {name} is {value}; it must be at least 1")
    if start % PASSAGE_BLOCK:
        raise WrankError(f"search: start is {start}; it must be a multiple of {PASSAGE_BLOCK}")
    if queries_QD.ndim != 2 or queries_QD.shape[1] != passages.dimension:
        raise WrankError(
            f"search: query vectors have the shape {queries_QD.shape}, passage vectors {passages.dimension} "
            "dimensions; both must come from the same model"
        )
