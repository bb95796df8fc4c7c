"""The greatest scores of a block of queries: what `search.py` keeps while it goes through a corpus.

Score and tie rank are packed into one int64 key, the order of the float in the high half, that of the tie in the low
half, so no two keys of a query are equal and top-k has one answer. Nearly all scores are below the k-th best so far:
they are looked at in groups, while they are in the processor's cache, and only what may enter becomes a key.

Shapes: B queries of a block (padded), D embedding size, C passages of a chunk, W of a piece of it, G groups, K ranks,
P groups that are looked into, S scores of a group, H hits.
"""

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError

PASSAGE_BLOCK = 1024
"""Passages of one product; where blocks begin is fixed, so a score is computed in the same way whatever the chunk."""

GROUP = 16
"""Scores of which only the greatest is looked at first."""

NOTHING = torch.iinfo(torch.int64).min
"""The key of a place that holds no passage."""

LOW = 2**32 - 1
"""The lower half of a key: this minus the tie rank."""

_SCORES = 2**21  # scores of a block of queries at once
_SAFE = 1e37  # a bound of all sums: below it none is infinite
_LEAST_WAITING = 512  # keys a query that are collected before they are joined, where 2 k is less


class Best:
    """The K greatest keys of a block of queries; what may enter is collected and joined now and then.

    Args:
        queries_BD: padded queries of the block.
        row: number of the first one among all queries.
        rows: how many are no padding.
        k: ranks K.
    """

    def __init__(self, queries_BD: Tensor, row: int, rows: int, k: int) -> None:
        self.queries_BD, self.row, self.rows = queries_BD, row, rows
        self.best_BK = torch.full((rows, k), NOTHING, dtype=torch.int64, device=queries_BD.device)
        self.least_B1: Tensor | None = None  # at most the score of the K-th so far
        self.largest = largest_of(queries_BD) * queries_BD.shape[1]
        self.steps_S = torch.arange(GROUP, device=queries_BD.device) * (PASSAGE_BLOCK // GROUP)
        self.waiting: list[Tensor] = []
        self.count = 0
        self.width = PASSAGE_BLOCK * max(1, _SCORES // (PASSAGE_BLOCK * len(queries_BD)))
        self.scores = queries_BD.new_empty(len(queries_BD) * self.width)
        self.most = queries_BD.new_empty(len(self.scores) // GROUP)

    def add(self, vectors_CD: Tensor, size: int, low_C: Tensor, gone_P2: Tensor, largest: Tensor) -> None:
        """Takes a chunk, of which `size` rows are passages, in pieces; pairs are places in block and chunk."""
        gone_P2 = gone_P2[(gone_P2[:, 0] >= 0) & (gone_P2[:, 0] < self.rows)]
        safe = bool(self.largest * largest < _SAFE)  # false where one holds NaN
        for first in range(0, len(vectors_CD), self.width):
            part = vectors_CD[first : first + self.width]
            scores = self.scores[: len(self.queries_BD) * len(part)].view(-1, len(part))
            most = self.most[: scores.numel() // GROUP].view(len(scores), -1)
            _score_blocks(self.queries_BD, part, scores, most)
            if not safe and not bool(torch.stack(scores.aminmax()).isfinite().all()):
                raise WrankError("search: a score is not finite: a vector holds NaN, or values too large for float32")
            scores[:, max(0, size - first) :] = -torch.inf
            if len(gone_P2):
                here = gone_P2[(gone_P2[:, 1] >= first) & (gone_P2[:, 1] < first + len(part))]
                scores[here[:, 0], here[:, 1] - first] = -torch.inf
            self._take(scores[: self.rows], most[: self.rows], low_C[first : first + len(part)])

    def keys(self) -> Tensor:
        """[B, K] int64, falling."""
        self._join()
        return self.best_BK.sort(dim=1, descending=True).values

    def _take(self, scores_BC: Tensor, most_BG: Tensor, low_C: Tensor) -> None:
        """Makes keys of the scores that reach the K-th, looking only into groups whose greatest does."""
        k, width = self.best_BK.shape[1], PASSAGE_BLOCK // GROUP
        if self.least_B1 is None:
            if scores_BC.shape[1] > k:
                self.least_B1 = scores_BC.topk(k, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
            else:
                self.least_B1 = scores_BC.new_full((self.rows, 1), -torch.inf)
        near_P = _places(most_BG >= self.least_B1)
        row_P, group_P = near_P // most_BG.shape[1], near_P % most_BG.shape[1]
        column_P = group_P // width * PASSAGE_BLOCK + group_P % width  # of the first one of the group
        flat_P = row_P * scores_BC.shape[1] + column_P
        near_PS = scores_BC.flatten().take(flat_P[:, None] + self.steps_S)
        hit_H = _places(near_PS >= self.least_B1[row_P])
        if not len(hit_H):
            return
        of_H, row_H = hit_H // GROUP, row_P[hit_H // GROUP]
        column_H = column_P[of_H] + hit_H % GROUP * width
        self._wait(row_H, _pack(near_PS.flatten()[hit_H], low_C[column_H]))

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
            self.least_B1 = _score(self.best_BK.amin(dim=1, keepdim=True))
            self.waiting, self.count = [], 0


def _score_blocks(queries_BD: Tensor, vectors_WD: Tensor, scores_BW: Tensor, most_BG: Tensor) -> None:
    """Fills in scores and the greatest of each group; every product has the same shape.

    Of a block of passages, group g is the columns g, g + G, g + 2 G, ...; G groups a block.
    """
    tops = most_BG.split(PASSAGE_BLOCK // GROUP, dim=1)
    outs = scores_BW.split(PASSAGE_BLOCK, dim=1)
    for block, out, top in zip(vectors_WD.split(PASSAGE_BLOCK), outs, tops, strict=True):
        torch.mm(queries_BD, block.T, out=out)
        torch.amax(out.unflatten(1, (GROUP, -1)), dim=1, out=top)


def largest_of(vectors: Tensor) -> Tensor:
    """The greatest magnitude; NaN where there is one."""
    return torch.stack(vectors.aminmax()).abs().max()


def _places(flags: Tensor) -> Tensor:
    """Where a flattened tensor is true; NumPy finds it several times faster on a CPU."""
    if flags.is_cpu:
        return torch.from_numpy(np.flatnonzero(flags.numpy()))
    return flags.flatten().nonzero().squeeze(1)


def _pack(scores: Tensor, low: Tensor) -> Tensor:
    """Scores and tie ranks as int64 keys: the order of the float in the high half, of the tie in the low half."""
    bits = scores.add(0.0).view(torch.int32)  # adding 0 turns -0.0 into 0.0, which compares equal but has other bits
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64).bitwise_left_shift_(32).bitwise_or_(low)
    return keys.masked_fill_(scores == -torch.inf, NOTHING)


def _score(keys: Tensor) -> Tensor:
    """The float32 scores of keys; -inf of nothing."""
    high = (keys >> 32).to(torch.int32)
    scores = (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32)
    return torch.where(keys == NOTHING, torch.full_like(scores, -torch.inf), scores)
