"""Exact search: the top k passages of each query by dot product, in bounded memory.

Shapes: Q queries, N passages, D embedding size, C passages a chunk, K ranks, P pairs, H hits.

The result does not depend on the chunk size, nor on the parts that a corpus is searched in, in the last bit and with
ties at the cut-off:

- Scores come from matrix products of one fixed shape (`QUERY_BLOCK` x D times D x `PASSAGE_BLOCK`, padded with zeros)
  whose blocks start at fixed rows, so a score is computed in the same way whatever the chunk.
- Score and tie rank are packed into one int64 key, so that no two keys of a query are equal and top-k has one answer.

Held at once: a chunk of vectors, `QUERY_BLOCK` x chunk scores, about 2 x Q x max(k, `LEAST_WAITING`) keys; whatever the
corpus.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.ranking import Rankings, Ties
from wrank.evaluation.vectors import Progress, Readable

QUERY_BLOCK = 128
PASSAGE_BLOCK = 4096
LEAST_WAITING = 256
"""Keys a query that are collected before they are sorted in, where k is smaller."""
_NOTHING = torch.iinfo(torch.int64).min  # the key of a place that holds no passage
_LOW = 2**32 - 1


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
        chunk: passages scored at once, rounded up to a multiple of 4,096; changes no result.
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
        start: first row; a multiple of 4,096.
        stop: row after the last; None = the end.

    Raises:
        WrankError: see `search`.
    """
    stop = len(passages) if stop is None else min(stop, len(passages))
    _check(queries_QD, passages, k, chunk, start)
    k = min(k, len(passages))
    step = -(-chunk // PASSAGE_BLOCK) * PASSAGE_BLOCK
    with _full_float32(device):
        queries = _padded(queries_QD, QUERY_BLOCK, device)
        pairs = torch.from_numpy(left_out.pairs_P2).to(device)
        rows = range(0, len(queries_QD), QUERY_BLOCK)
        best = [_Best(min(QUERY_BLOCK, len(queries_QD) - row), k, device) for row in rows]
        for first in range(start, stop, step):
            last = min(first + step, stop)
            vectors = _padded(passages.chunk(first, last), PASSAGE_BLOCK, device)
            low_C = _LOW - torch.from_numpy(ties.rank_N[first:last].astype(np.int64)).to(device)
            gone = pairs[(pairs[:, 1] >= first) & (pairs[:, 1] < last)]
            for row, one, padded in zip(rows, best, _score_blocks(queries, vectors), strict=True):
                scores = padded[: one.rows, : last - first]
                mine = gone[(gone[:, 0] >= row) & (gone[:, 0] < row + QUERY_BLOCK)]
                scores[mine[:, 0] - row, mine[:, 1] - first] = -torch.inf
                one.add(scores, low_C)
            if progress is not None:
                progress(last - first)
        keys = [one.keys().cpu() for one in best]
    return (torch.cat(keys) if keys else torch.empty((0, k), dtype=torch.int64)).numpy()


def merged(parts: Sequence[np.ndarray], k: int) -> np.ndarray:
    """The k greatest keys of several parts [Q, K]: the same, bit for bit, as of one search over all of them."""
    joined = torch.from_numpy(np.concatenate(list(parts), axis=1))
    return joined.topk(min(k, joined.shape[1]), dim=1, sorted=True).values.numpy()


def to_rankings(
    keys_QK: np.ndarray, query_ids: Sequence[str], passage_ids: Sequence[str], ties: Ties, left_out: LeftOut
) -> Rankings:
    """Keys as rankings: rows and float32 scores; -1 and -inf where there is no passage."""
    keys = torch.from_numpy(keys_QK)
    empty_QK = (keys == _NOTHING).numpy()
    high = (keys >> 32).to(torch.int32)
    scores_QK = (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32).numpy()
    rank_QK = np.where(empty_QK, 0, (_LOW - (keys & _LOW)).numpy())
    rows_QK = np.where(empty_QK, -1, ties.order_N[rank_QK] if len(ties.order_N) else -1).astype(np.int64)
    scores_QK = np.where(empty_QK, np.float32(-np.inf), scores_QK)
    return Rankings(list(query_ids), passage_ids, rows_QK, scores_QK, left_out.excluded, left_out.dropped_self)


class _Best:
    """The K greatest keys of a block of queries; what may enter is collected and sorted in now and then."""

    def __init__(self, rows: int, k: int, device: str) -> None:
        self.rows = rows
        self.best_BK = torch.full((rows, k), _NOTHING, dtype=torch.int64, device=device)
        self.least_B1 = torch.full((rows, 1), -torch.inf, device=device)  # score of the K-th so far
        self.waiting: list[Tensor] = []
        self.count = self.seen = 0

    def add(self, scores_BC: Tensor, low_C: Tensor) -> None:
        """Takes the scores of a chunk; only those that reach the K-th are packed into keys."""
        first, self.seen = self.seen < self.best_BK.shape[1], self.seen + scores_BC.shape[1]
        if first:  # there is no K-th yet
            self._wait(_pack(scores_BC, low_C))
            self._merge()
            return
        hit_H = (scores_BC >= self.least_B1).flatten().nonzero().squeeze(1)
        if not len(hit_H):
            return
        row_H, column_H = hit_H // scores_BC.shape[1], hit_H % scores_BC.shape[1]
        counts_B = torch.bincount(row_H, minlength=self.rows)
        place_H = torch.arange(len(row_H), device=row_H.device) - (counts_B.cumsum(0) - counts_B)[row_H]
        keys = torch.full((self.rows, int(counts_B.max())), _NOTHING, dtype=torch.int64, device=row_H.device)
        keys[row_H, place_H] = _pack(scores_BC.flatten().index_select(0, hit_H), low_C.index_select(0, column_H))
        self._wait(keys)
        if self.count >= max(self.best_BK.shape[1], LEAST_WAITING):
            self._merge()

    def keys(self) -> Tensor:
        """[B, K] int64, falling."""
        self._merge()
        return self.best_BK

    def _wait(self, keys: Tensor) -> None:
        self.waiting.append(keys)
        self.count += keys.shape[1]

    def _merge(self) -> None:
        if self.waiting:
            joined = torch.cat([self.best_BK, *self.waiting], dim=1)
            self.best_BK = joined.topk(self.best_BK.shape[1], dim=1, sorted=True).values
            self.least_B1 = _score(self.best_BK[:, -1:])
            self.waiting, self.count = [], 0


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


def _score_blocks(queries: Tensor, passages: Tensor) -> Iterator[Tensor]:
    """Yields float32 scores [QUERY_BLOCK, passages] a block of queries; every product has the same shape.

    Each is used before the next is asked for: one piece of memory holds them all.
    """
    parts = [part.T for part in passages.split(PASSAGE_BLOCK)]
    scores = torch.empty((QUERY_BLOCK, len(passages)), device=passages.device)
    for row in range(0, len(queries), QUERY_BLOCK):
        block = queries[row : row + QUERY_BLOCK]
        for place, part in zip(scores.split(PASSAGE_BLOCK, dim=1), parts, strict=True):
            torch.mm(block, part, out=place)
        if not bool(torch.stack(scores.aminmax()).isfinite().all()):
            raise WrankError("search: a score is not finite: a vector holds NaN, or values too large for float32")
        yield scores


def _pack(scores: Tensor, low: Tensor) -> Tensor:
    """Scores and tie ranks as int64 keys: the order of the float in the high half, of the tie in the low half."""
    bits = scores.add(0.0).view(torch.int32)  # adding 0 turns -0.0 into 0.0, which compares equal but has other bits
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64).bitwise_left_shift_(32).bitwise_or_(low)
    return keys.masked_fill_(scores == -torch.inf, _NOTHING)


def _score(keys: Tensor) -> Tensor:
    """The float32 scores of keys; -inf of nothing."""
    high = (keys >> 32).to(torch.int32)
    scores = (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32)
    return torch.where(keys == _NOTHING, torch.full_like(scores, -torch.inf), scores)


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
