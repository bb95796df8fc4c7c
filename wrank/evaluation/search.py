"""Exact search: the top k passages of each query by dot product, in bounded memory.

Shapes: Q queries, N passages, D embedding size, C passages a chunk, K ranks.

The result does not depend on the chunk size, in the last bit and with ties at the cut-off:

- Scores come from matrix products of one fixed shape (`QUERY_BLOCK` x D times D x `PASSAGE_BLOCK`, padded with zeros)
  whose blocks start at fixed rows, so a score is computed in the same way whatever the chunk.
- Score and tie rank are packed into one int64 key, so that no two keys of a query are equal and top-k has one answer.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.ranking import Rankings, id_order

QUERY_BLOCK = 64
PASSAGE_BLOCK = 1024
_NOTHING = torch.iinfo(torch.int64).min  # the key of a place that holds no passage
_LOW = 2**32 - 1


def search(
    queries_QD: np.ndarray,
    passages_ND: np.ndarray,
    query_ids: Sequence[str],
    passage_ids: Sequence[str],
    *,
    k: int,
    chunk: int = 8192,
    excluded: Mapping[str, Collection[str]] | None = None,
    drop_self: bool = False,
    device: str = "cpu",
) -> Rankings:
    """The k passages with the highest dot product for each query, ties by the rule of `ranking.py`.

    Args:
        queries_QD: query vectors, float32.
        passages_ND: passage vectors, float32; may be memory-mapped.
        query_ids: Q ids.
        passage_ids: N ids by row, each one once.
        k: ranks wanted; a corpus with fewer passages gives shorter rankings.
        chunk: passages scored at once, rounded up to a multiple of 1,024; bounds memory (chunk vectors, 64 x chunk
            scores and Q x k keys are held), changes no result.
        excluded: query id -> ids of passages that leave its ranking before the cut-off.
        drop_self: whether a passage whose id is the query's leaves the ranking before the cut-off.
        device: where products are computed, e.g. ``cpu`` or ``cuda``.

    Returns:
        Rankings with the counts of pairs left out; an excluded pair that is the query itself counts as excluded.

    Raises:
        WrankError: shapes that do not fit, k or chunk below 1, an id twice, a score that is not finite.
    """
    _check(queries_QD, passages_ND, query_ids, passage_ids, k, chunk)
    order_N = id_order(passage_ids)
    tie_rank_N = np.empty(len(order_N), dtype=np.int64)
    tie_rank_N[order_N] = np.arange(len(order_N))
    pairs, excluded_count, self_count = _pairs_left_out(query_ids, passage_ids, excluded or {}, drop_self)

    k = min(k, len(passage_ids))
    with _full_float32(device):
        best_QK = _best_keys(queries_QD, passages_ND, tie_rank_N, pairs, k, chunk, device)
    rows_QK, scores_QK = _unpack(best_QK.cpu(), order_N)
    return Rankings(list(query_ids), passage_ids, rows_QK, scores_QK, excluded_count, self_count)


def _best_keys(
    queries_QD: np.ndarray,
    passages_ND: np.ndarray,
    tie_rank_N: np.ndarray,
    pairs: Tensor,
    k: int,
    chunk: int,
    device: str,
) -> Tensor:
    """The k greatest keys of each query [Q, K], falling; a chunk of passages at a time is merged into them."""
    best_QK = torch.full((len(queries_QD), k), _NOTHING, dtype=torch.int64, device=device)
    queries = _padded(queries_QD, QUERY_BLOCK, device)
    step = -(-chunk // PASSAGE_BLOCK) * PASSAGE_BLOCK
    for start in range(0, len(passages_ND), step):
        stop = min(start + step, len(passages_ND))
        passages = _padded(passages_ND[start:stop], PASSAGE_BLOCK, device)
        low_C = (_LOW - torch.from_numpy(tie_rank_N[start:stop])).to(device)
        gone = pairs[(pairs[:, 1] >= start) & (pairs[:, 1] < stop)]
        for first, scores in _score_blocks(queries, passages):
            last = min(first + QUERY_BLOCK, len(queries_QD))
            keys = _pack(scores[: last - first, : stop - start], low_C)
            mine = gone[(gone[:, 0] >= first) & (gone[:, 0] < last)]
            keys[mine[:, 0] - first, mine[:, 1] - start] = _NOTHING
            best_QK[first:last] = _merged(best_QK[first:last], keys)
    return best_QK


def _merged(best_QK: Tensor, keys_QC: Tensor) -> Tensor:
    """The K greatest of both; only as many of a chunk are sorted as can enter, which soon are few."""
    entering = int((keys_QC > best_QK[:, -1:]).sum(dim=1).max())
    if not entering:
        return best_QK
    new = keys_QC.topk(min(entering, best_QK.shape[1]), dim=1).values
    return torch.cat([best_QK, new], dim=1).topk(best_QK.shape[1], dim=1, sorted=True).values


@contextmanager
def _full_float32(device: str) -> Iterator[None]:
    """No autocast, no TF32 and no bfloat16 inside products, whatever the caller has set for its training."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _score_blocks(queries: Tensor, passages: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yields (first query, float32 scores [QUERY_BLOCK, passages]); every product has the same shape."""
    for first in range(0, len(queries), QUERY_BLOCK):
        block = queries[first : first + QUERY_BLOCK]
        parts = [block @ part.T for part in passages.split(PASSAGE_BLOCK)]
        yield first, torch.cat(parts, dim=1)


def _pack(scores: Tensor, low_C: Tensor) -> Tensor:
    """Scores and tie ranks as int64 keys: the order of the float in the high half, of the tie in the low half."""
    if not bool(torch.stack(scores.aminmax()).isfinite().all()):
        raise WrankError("search: a score is not finite: a vector holds NaN, or values too large for float32 products")
    bits = scores.add(0.0).view(torch.int32)  # adding 0 turns -0.0 into 0.0, which compares equal but has other bits
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64)
    return keys.bitwise_left_shift_(32).bitwise_or_(low_C)


def _unpack(keys_QK: Tensor, order_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and float32 scores of keys; -1 and -inf where there is no passage."""
    empty = (keys_QK == _NOTHING).numpy()
    high = (keys_QK >> 32).to(torch.int32)
    scores = (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32).numpy()
    tie_rank = np.where(empty, 0, (_LOW - (keys_QK & _LOW)).numpy())
    rows = np.where(empty, -1, order_N[tie_rank] if len(order_N) else -1)
    return rows, np.where(empty, np.float32(-np.inf), scores)


def _padded(vectors: np.ndarray, block: int, device: str) -> Tensor:
    """A float32 copy on the device, with rows of zeros up to a multiple of the block."""
    rows = -(-len(vectors) // block) * block
    padded = torch.zeros((rows, vectors.shape[1]), dtype=torch.float32)
    padded.numpy()[: len(vectors)] = vectors
    return padded.to(device)


def _pairs_left_out(
    query_ids: Sequence[str], passage_ids: Sequence[str], excluded: Mapping[str, Collection[str]], drop_self: bool
) -> tuple[Tensor, int, int]:
    """(query row, passage row) pairs that leave the rankings [P, 2], and the counts of excluded and of self pairs."""
    wanted = set(query_ids) if drop_self else set()
    for query_id in query_ids:
        wanted.update(excluded.get(query_id, ()))
    rows = {passage_id: row for row, passage_id in enumerate(passage_ids) if passage_id in wanted} if wanted else {}
    pairs: list[tuple[int, int]] = []
    self_count = 0
    for query_row, query_id in enumerate(query_ids):
        gone = {rows[passage_id] for passage_id in excluded.get(query_id, ()) if passage_id in rows}
        if drop_self and query_id in rows and rows[query_id] not in gone:
            gone.add(rows[query_id])
            self_count += 1
        pairs += [(query_row, row) for row in sorted(gone)]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2), len(pairs) - self_count, self_count


def _check(
    queries_QD: np.ndarray,
    passages_ND: np.ndarray,
    query_ids: Sequence[str],
    passage_ids: Sequence[str],
    k: int,
    chunk: int,
) -> None:
    for name, value in (("k", k), ("chunk", chunk)):
        if value < 1:
            raise WrankError(f"search: {name} is {value}; it must be at least 1")
    if len(set(query_ids)) < len(query_ids):
        raise WrankError("search: a query id comes twice; ids must be unique")
    for what, vectors, ids in (("query", queries_QD, query_ids), ("passage", passages_ND, passage_ids)):
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise WrankError(f"search: {len(ids)} {what} ids came with {what} vectors of shape {vectors.shape}")
    if queries_QD.shape[1] != passages_ND.shape[1]:
        raise WrankError(
            f"search: query vectors have {queries_QD.shape[1]} dimensions, passage vectors {passages_ND.shape[1]}; "
            "both must come from the same model"
        )
