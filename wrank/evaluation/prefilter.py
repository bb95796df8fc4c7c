"""From products that are near a score to the score: which passages are looked at again, and which query is certain.

A score is one fixed sum: the D products in float32, padded with zeros to a power of two, and their upper half added to
the lower one until one number is left. It is the same, bit for bit, on every device and in every company, so the
ranking is as well. Matrix products, of float32 or (where the processor multiplies it many times faster) of bfloat16,
only choose for which pairs it is computed. They lie within

    |product - score| <= |q - q'| |p| + |q'| |p - p'| + rounding of the sums + rounding of the result

by the inequality of Cauchy and Schwarz, x' being x in the format of the products, and |p| and |p - p'| the greatest of
all passages. A query whose k-th score is above the last product kept plus this bound is certain; the others (ties,
scores closer than the bound) go through the corpus once more, and every pair that the bound cannot exclude is summed.

Shapes: B queries of a block, D embedding size, C passages of a chunk, N products kept, K ranks, P pairs, H hits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.best import GROUP, LOW, NOTHING, PASSAGE_BLOCK, Best, pack, score_of
from wrank.evaluation.ranking import Ties
from wrank.evaluation.vectors import Readable

_PAIRS = {"cpu": 2048}  # summed at once: what fits into a processor's cache
_PAIRS_ELSEWHERE = 65536
_SAMPLE = 32 * PASSAGE_BLOCK  # passages
_LEAST_SQUARE = 2.0**-62  # the square of a smaller number may be lost


def product_format(device: str) -> torch.dtype:
    """bfloat16 on a CPU with tiles for it (Intel AMX), where it is about nine times as fast; float32 elsewhere."""
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    fast = torch.device(device).type == "cpu" and torch.backends.mkldnn.is_available() and has_tiles()
    return torch.bfloat16 if fast else torch.float32


def kept(k: int, dtype: torch.dtype) -> int:
    """How many products are kept for k ranks, so that most queries are certain after one search."""
    return max(k + k // 2, 256) if dtype == torch.bfloat16 else k + 32


def first_least(blocks: Sequence[Best], passages: Readable, start: int, stop: int, sizes: "Sizes") -> None:
    """Tells blocks from a sample of the rows about where their last product will be, so that few others are kept.

    A guess: where it is too high, fewer products are kept than were wanted, and `settled` finds out what is certain.
    """
    if stop - start < 4 * _SAMPLE:
        return
    step = (stop - start) // _SAMPLE
    device = blocks[0].queries_BD.device
    rows = torch.arange(start, start + step * _SAMPLE, step)
    sample = torch.cat(
        [sizes.see(torch.from_numpy(passages.rows(part.numpy())).to(device))[0] for part in rows.split(4096)]
    )
    for one in blocks:
        expected = one.best_BK.shape[1] * _SAMPLE / (stop - start)
        rank = round(expected + 3 * expected**0.5 + 3)
        if 2 * rank < _SAMPLE // GROUP:
            one.start_at(sample, rank)


def scores_of(queries_PD: Tensor, passages_PD: Tensor) -> Tensor:
    """The score of each pair [P], float32: the fixed sum. It is made of single operations, so none is fused.

    Raises:
        WrankError: a score that is not finite.
    """
    sums, width = queries_PD * passages_PD, queries_PD.shape[1]
    while width > 1:
        half = 1 << ((width - 1).bit_length() - 1)
        sums[:, : width - half] += sums[:, half:width]
        width = half
    scores = sums[:, 0]
    if not bool(scores.isfinite().all()):
        raise WrankError("search: a score is not finite: the vectors hold values too large for float32")
    return scores


class Sizes:
    """The greatest norm of the passages seen so far and of what they lose in the format of the products.

    Args:
        dtype: number format of the products.
        dimension: size D.
    """

    def __init__(self, dtype: torch.dtype, dimension: int) -> None:
        self.dtype, self.dimension = dtype, dimension
        self.norm, self.residual = 0.0, 0.0

    def see(self, vectors_CD: Tensor) -> tuple[Tensor, float]:
        """The vectors in the format of the products, and their greatest norm (NaN where a number is)."""
        if self.dtype == torch.float32:
            factors_CD, residual = vectors_CD, 0.0
            norm = float(_norm(vectors_CD))
        else:
            factors_CD = torch.empty(vectors_CD.shape, dtype=self.dtype, device=vectors_CD.device)
            norms, residuals = [], []
            lost = torch.empty_like(vectors_CD[:PASSAGE_BLOCK])
            for first in range(0, len(vectors_CD), PASSAGE_BLOCK):  # in pieces that fit into a processor's cache
                block = vectors_CD[first : first + PASSAGE_BLOCK]
                narrow = factors_CD[first : first + PASSAGE_BLOCK]
                narrow.copy_(block)
                norms.append(_norm(block))
                residuals.append(_norm(lost[: len(block)].copy_(narrow).sub_(block)))
            norm, residual = float(torch.stack(norms).max()), float(torch.stack(residuals).max())
        self.norm = max(self.norm, norm)  # not NaN, which is an error as soon as the chunk is scored
        self.residual = max(self.residual, residual)
        return factors_CD, norm

    def error(self, queries_BD: Tensor, dtype: torch.dtype) -> Tensor:
        """Per query, how far a product may be from the score before it is rounded: [B, 1], float64, on the CPU."""
        queries = queries_BD.cpu().double()
        own = queries.norm(dim=1, keepdim=True)
        own_lost = (queries - queries_BD.cpu().to(dtype).double()).norm(dim=1, keepdim=True)
        norm, lost = (self._up(value) for value in (self.norm, 0.0 if dtype == torch.float32 else self.residual))
        both = (own + own_lost) * (norm + lost)
        error = own_lost * norm + (own + own_lost) * lost * float(dtype != torch.float32)
        error += (self.dimension + 16) * 2.0**-23 * both  # every order of float32 additions, and the score's own
        error += self.dimension * 2.0**-125 * (1 + own + norm)  # numbers so small that they are taken for 0
        return (1.001 * error).nan_to_num(nan=torch.inf, posinf=torch.inf)

    def _up(self, norm: float) -> float:
        """At least the norm that was computed in float32."""
        return norm * (1.001 + self.dimension * 2.0**-22) + self.dimension**0.5 * _LEAST_SQUARE


def settled(best: Best, k: int, passages: Readable, ties: Ties, sizes: Sizes) -> tuple[Tensor, Tensor]:
    """The k greatest keys by score of the products kept, [B, K] int64, falling, and which query is certain: [B] bool.

    Args:
        best: the greatest products.
        k: ranks K, fewer than are kept.
        passages: vectors.
        ties: the order of the ids.
        sizes: of all passages searched.

    Raises:
        WrankError: a score that is not finite.
    """
    near_BN = best.keys().cpu()
    products_BN = score_of(near_BN).double()
    error_B1, rounding = sizes.error(best.queries_BD[: best.rows], sizes.dtype), _rounding(sizes.dtype)
    reach_BN = error_B1 + rounding * products_BN.abs().masked_fill(near_BN == NOTHING, 0.0)  # 0 times -inf is NaN
    least_B1 = (products_BN - reach_BN)[:, k - 1 : k]  # at most the k-th score
    wanted_BN = (near_BN != NOTHING) & (products_BN + reach_BN >= least_B1)
    low_P = near_BN[wanted_BN] & LOW
    scores_P = _read(best, wanted_BN.nonzero()[:, 0], ties, low_P, passages)
    keys_BN = torch.full_like(near_BN, NOTHING)
    keys_BN[wanted_BN] = pack(scores_P, low_P)
    keys_BK = keys_BN.topk(k, dim=1, sorted=True).values
    # All others are at most this product: the last one kept, or where that place is empty, what nothing kept is below.
    assert best.least_B1 is not None
    last_B1 = torch.where(near_BN[:, -1:] == NOTHING, best.least_B1.cpu().double(), products_BN[:, -1:])
    bound_B1 = last_B1 + error_B1 + rounding * last_B1.abs().masked_fill(last_B1.isinf(), 0.0)
    certain_B = ((last_B1 == -torch.inf) | (score_of(keys_BK[:, -1:]).double() > bound_B1)).squeeze(1)
    far_P = (scores_P.double() - products_BN[wanted_BN]).abs() > reach_BN[wanted_BN]
    certain_B[wanted_BN.nonzero()[:, 0][far_P]] = False  # a library that adds up in another way than is known
    return keys_BK, certain_B


def _read(best: Best, row_P: Tensor, ties: Ties, low_P: Tensor, passages: Readable) -> Tensor:
    """Scores of pairs, passages read in the order of their rows."""
    passage_P = torch.from_numpy(ties.order_N[(LOW - low_P).numpy()])
    order_P = passage_P.argsort()
    scores_P = torch.empty(len(row_P))
    device = best.queries_BD.device
    for at in order_P.split(_PAIRS.get(device.type, _PAIRS_ELSEWHERE)):
        vectors = torch.from_numpy(passages.rows(passage_P[at].numpy())).to(device)
        scores_P[at] = scores_of(best.queries_BD.index_select(0, row_P[at].to(device)), vectors).cpu()
    return scores_P


class Settling(Best):
    """The K greatest keys by score: every pair is summed whose float32 product may be that of a place in the ranking.

    Args:
        queries_BD: see `Best`, as are rows and k.
        rows: how many are no padding.
        k: ranks K.
        least_B1: at most the k-th score.
        error_B1: how far a product may be from the score.
    """

    def __init__(self, queries_BD: Tensor, rows: int, k: int, least_B1: Tensor, error_B1: Tensor) -> None:
        super().__init__(queries_BD, rows, k)
        self.error_B1 = error_B1.to(queries_BD.device, torch.float32)
        self._raise_to(least_B1.to(queries_BD.device))

    def _take(self, scores_BC: Tensor, most_BG: Tensor, part_CD: Tensor, low_C: Tensor) -> None:
        row_H, column_H, products_H = self._reaching(scores_BC, most_BG)
        there_H = products_H > -torch.inf
        row_H, column_H = row_H[there_H], column_H[there_H]
        if not len(row_H):
            return
        pairs = _PAIRS.get(part_CD.device.type, _PAIRS_ELSEWHERE)
        scores = [
            scores_of(self.queries_BD.index_select(0, row), part_CD.index_select(0, column))
            for row, column in zip(row_H.split(pairs), column_H.split(pairs), strict=True)
        ]
        self._wait(row_H, pack(torch.cat(scores), low_C[column_H]))

    def _raise_to(self, least_B1: Tensor) -> None:
        super()._raise_to(torch.nextafter(least_B1 - self.error_B1, torch.full_like(least_B1, -torch.inf)))


def _norm(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors, dim=1).max()


def _rounding(dtype: torch.dtype) -> float:
    """How much of itself a product may lose when it is written in its format; float32's is in the error already."""
    return 1.001 * 2.0**-8 if dtype == torch.bfloat16 else 0.0
