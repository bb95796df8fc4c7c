"""The greatest scores of a block of queries: what `search.py` keeps while it goes through a corpus.

Score and tie rank are packed into one int64 key, the order of the float in the high half, that of the tie in the low
half, so no two keys of a query are equal and top-k has one answer. Nearly all scores are below the k-th best so far:
they are looked at in groups, while they are in the processor's cache, and only what may enter becomes a key.

Scores here are matrix products, of float32 or bfloat16: near the scores of the ranking, which `prefilter.py` defines.

Shapes: B queries of a block (padded), D embedding size, C passages of a chunk, W of a piece of it, G groups, K ranks,
P groups that are looked into, S scores of a group, H hits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError

PASSAGE_BLOCK = 1024
"""Passages of one product."""

GROUP = 16
"""Scores of which only the greatest is looked at first."""

NOTHING = torch.iinfo(torch.int64).min
"""The key of a place that holds no passage."""

LOW = 2**32 - 1
"""The lower half of a key: this minus the tie rank."""

_SCORES = 2**21  # scores of a block of queries at once
_SAFE = 1e37  # a bound of all sums: below it none is infinite
_LEAST_WAITING = 512  # keys a query that are collected before they are joined, where 2 k is less


@dataclass(frozen=True)
class Chunk:
    """Passages that are scored together, padded to whole blocks.

    Attributes:
        size: how many are no padding.
        vectors_CD: float32.
        factors_CD: the same in the number format of the products.
        low_C: the lower halves of their keys.
        norm: the greatest norm; NaN or infinite where a number is, or one is too large to square.
    """

    size: int
    vectors_CD: Tensor
    factors_CD: Tensor
    low_C: Tensor
    norm: float


class Best:
    """The K greatest keys of a block of queries; what may enter is collected and joined now and then.

    Args:
        queries_BD: padded queries of the block, float32.
        rows: how many are no padding.
        k: ranks K.
        dtype: number format of the products.
    """

    def __init__(self, queries_BD: Tensor, rows: int, k: int, dtype: torch.dtype = torch.float32) -> None:
        self.queries_BD, self.factors_BD, self.rows = queries_BD, queries_BD.to(dtype), rows
        self.norm = float(torch.linalg.vector_norm(queries_BD, dim=1).max())
        self.best_BK = torch.full((rows, k), NOTHING, dtype=torch.int64, device=queries_BD.device)
        self.least_B1: Tensor | None = None  # what is below is not kept
        self.positive = False  # whether all of these are
        self.steps_S = torch.arange(GROUP, device=queries_BD.device) * (PASSAGE_BLOCK // GROUP)
        self.waiting: list[Tensor] = []
        self.count = 0
        self.width = PASSAGE_BLOCK * max(1, _SCORES // (PASSAGE_BLOCK * len(queries_BD)))
        self.scores = self.factors_BD.new_empty(len(queries_BD) * self.width)
        self.most = self.factors_BD.new_empty(len(self.scores) // GROUP)

    def add(self, chunk: Chunk, gone_P2: Tensor) -> None:
        """Takes a chunk in pieces, without the given pairs of places in block and chunk."""
        safe = self.norm * chunk.norm < _SAFE and self.norm < _SAFE and chunk.norm < _SAFE  # false where one is NaN
        for first in range(0, len(chunk.vectors_CD), self.width):
            part = chunk.vectors_CD[first : first + self.width]
            scores = self.scores[: len(self.queries_BD) * len(part)].view(-1, len(part))
            most = self.most[: scores.numel() // GROUP].view(len(scores), -1)
            if safe:
                factors = chunk.factors_CD[first : first + self.width]
                _score_blocks(self.factors_BD, factors, scores, most, self.positive)
            else:
                _score_unsafe(self.queries_BD, part, scores, most)
            scores[:, max(0, chunk.size - first) :] = -torch.inf
            if len(gone_P2):
                here = gone_P2[(gone_P2[:, 1] >= first) & (gone_P2[:, 1] < first + len(part))]
                scores[here[:, 0], here[:, 1] - first] = -torch.inf
            self._take(scores[: self.rows], most[: self.rows], part, chunk.low_C[first : first + len(part)])

    def start_at(self, sample_CD: Tensor, rank: int) -> None:
        """Keeps nothing below about the given rank in a sample of the passages (whole blocks, in the products' format).

        Of a group only the greatest counts, so the rank is a little lower than it says.
        """
        most = [
            self._greatest_of_groups(sample_CD[first : first + self.width])
            for first in range(0, len(sample_CD), self.width)
        ]
        least_B1 = torch.cat(most, dim=1).topk(rank, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
        self._raise_to(least_B1.nan_to_num(nan=-torch.inf, posinf=-torch.inf))

    def _greatest_of_groups(self, part_WD: Tensor) -> Tensor:
        scores = self.scores[: len(self.factors_BD) * len(part_WD)].view(-1, len(part_WD))
        most = self.scores.new_empty(len(scores), len(part_WD) // GROUP)
        _score_blocks(self.factors_BD, part_WD, scores, most, False)
        return most[: self.rows]

    def keys(self) -> Tensor:
        """[B, K] int64, falling."""
        self._join()
        return self.best_BK.sort(dim=1, descending=True).values

    def _take(self, scores_BC: Tensor, most_BG: Tensor, part_CD: Tensor, low_C: Tensor) -> None:
        """Makes keys of the scores that reach the K-th so far."""
        k = self.best_BK.shape[1]
        if self.least_B1 is None:
            if scores_BC.shape[1] > k:
                self._raise_to(scores_BC.topk(k, dim=1, sorted=False).values.amin(dim=1, keepdim=True))
            else:
                self._raise_to(scores_BC.new_full((self.rows, 1), -torch.inf))
        row_H, column_H, scores_H = self._reaching(scores_BC, most_BG)
        if len(row_H):
            self._wait(row_H, pack(scores_H.float(), low_C[column_H]))

    def _reaching(self, scores_BC: Tensor, most_BG: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Row, column and score of those that reach the least, looking only into groups whose greatest does."""
        assert self.least_B1 is not None
        width = PASSAGE_BLOCK // GROUP
        near_P = _places(most_BG >= self.least_B1)
        row_P, group_P = near_P // most_BG.shape[1], near_P % most_BG.shape[1]
        column_P = group_P // width * PASSAGE_BLOCK + group_P % width  # of the first one of the group
        flat_P = row_P * scores_BC.shape[1] + column_P
        near_PS = scores_BC.flatten().take(flat_P[:, None] + self.steps_S)
        hit_H = _places(near_PS >= self.least_B1[row_P])
        of_H = hit_H // GROUP
        return row_P[of_H], column_P[of_H] + hit_H % GROUP * width, near_PS.flatten()[hit_H]

    def _wait(self, row_H: Tensor, keys_H: Tensor) -> None:
        """Keeps keys, those of a query side by side; rows must not fall."""
        counts_B = torch.bincount(row_H, minlength=self.rows)
        place_H = torch.arange(len(row_H), device=row_H.device) - (counts_B.cumsum(0) - counts_B)[row_H]
        keys_BW = self.best_BK.new_full((self.rows, int(counts_B.max())), NOTHING)
        keys_BW[row_H, place_H] = keys_H
        self.waiting.append(keys_BW)
        self.count += keys_BW.shape[1]
        if self.count >= max(2 * self.best_BK.shape[1], _LEAST_WAITING):
            self._join()

    def _join(self) -> None:
        if self.waiting:
            joined = torch.cat([self.best_BK, *self.waiting], dim=1)
            self.best_BK = joined.topk(self.best_BK.shape[1], dim=1, sorted=False).values
            self._raise_to(score_of(self.best_BK.amin(dim=1, keepdim=True)))
            self.waiting, self.count = [], 0

    def _raise_to(self, least_B1: Tensor) -> None:
        least_B1 = least_B1.to(self.scores.dtype)
        self.least_B1 = least_B1 if self.least_B1 is None else torch.maximum(least_B1, self.least_B1)
        self.positive = bool((self.least_B1 > 0).all())


def _score_blocks(factors_BD: Tensor, part_WD: Tensor, scores_BW: Tensor, most_BG: Tensor, positive: bool) -> None:
    """Fills in scores and the greatest of each group.

    Of a block of passages, group g is the columns g, g + G, g + 2 G, ...; G groups a block. Where only positive ones
    are looked for, the greatest of bfloat16 is found among their bits as integers, which is several times faster: the
    order of positive floats is that of their bits, and negative ones stay negative.
    """
    as_bits = positive and scores_BW.dtype == torch.bfloat16
    tops = most_BG.split(PASSAGE_BLOCK // GROUP, dim=1)
    outs = scores_BW.split(PASSAGE_BLOCK, dim=1)
    for block, out, top in zip(part_WD.split(PASSAGE_BLOCK), outs, tops, strict=True):
        torch.mm(factors_BD, block.T, out=out)
        if as_bits:
            out, top = out.view(torch.int16), top.view(torch.int16)
        torch.amax(out.unflatten(1, (GROUP, -1)), dim=1, out=top)


def _score_unsafe(queries_BD: Tensor, part_WD: Tensor, scores_BW: Tensor, most_BG: Tensor) -> None:
    """The same from float32 products of numbers so large that a sum may be infinite, which is an error."""
    most = torch.finfo(scores_BW.dtype).max
    for first in range(0, len(part_WD), PASSAGE_BLOCK):
        scores = torch.mm(queries_BD, part_WD[first : first + PASSAGE_BLOCK].T)
        if not bool(torch.stack(scores.aminmax()).isfinite().all()):
            raise WrankError("search: a score is not finite: a vector holds NaN, or values too large for float32")
        scores_BW[:, first : first + PASSAGE_BLOCK] = scores.clamp(-most, most)
    groups = scores_BW.unflatten(1, (-1, GROUP, PASSAGE_BLOCK // GROUP))
    torch.amax(groups, dim=2, out=most_BG.unflatten(1, (-1, PASSAGE_BLOCK // GROUP)))


def _places(flags: Tensor) -> Tensor:
    """Where a flattened tensor is true; NumPy finds it several times faster on a CPU."""
    if flags.is_cpu:
        return torch.from_numpy(np.flatnonzero(flags.numpy()))
    return flags.flatten().nonzero().squeeze(1)


def pack(scores: Tensor, low: Tensor) -> Tensor:
    """Float32 scores and tie ranks as int64 keys: the order of the float above, of the tie below."""
    bits = scores.add(0.0).view(torch.int32)  # adding 0 turns -0.0 into 0.0, which compares equal but has other bits
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64).bitwise_left_shift_(32).bitwise_or_(low)
    return keys.masked_fill_(scores == -torch.inf, NOTHING)


def score_of(keys: Tensor) -> Tensor:
    """The float32 scores of keys; -inf of nothing."""
    high = (keys >> 32).to(torch.int32)
    scores = (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32)
    return torch.where(keys == NOTHING, torch.full_like(scores, -torch.inf), scores)
