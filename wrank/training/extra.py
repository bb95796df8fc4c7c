"""What a loss needs beside scores and grades: taken from a batch, gathered over the ranks, put on the loss's columns.

Every rank of a training takes part in every collective, whether its own batch holds something or not: what is there is
decided by what the loss needs, never by a batch.

Shapes: B queries, K passages a list, N columns (K, or all passages of the joined batch), P preferences, M paraphrases
of a query (padded), D embedding size, R paraphrases of all queries (not padded), W ranks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from torch import Tensor

from wrank.data.collate import ListBatch
from wrank.loss.base import Loss
from wrank.loss.extra import Extra
from wrank.training.gather import gather_rows, is_distributed, widen

_NO_ROW = -1
"""Pads preferences; no query has it."""


def paraphrase_texts(loss: Loss, batch: ListBatch) -> list[str]:
    """R texts to embed, row by row; none where the loss needs none."""
    if "paraphrases" not in loss.needs or batch.paraphrases is None or batch.paraphrase_mask_BM is None:
        return []
    real_BM = batch.paraphrase_mask_BM.tolist()
    texts = zip(batch.paraphrases, real_BM, strict=True)
    return [text for row, mask in texts for text, real in zip(row, mask, strict=True) if real]


@dataclass(frozen=True, slots=True)
class Beside:
    """What of a batch a loss needs beside scores and grades; None where it does not need it.

    Attributes:
        queries: B.
        teacher_BK: a teacher's scores; NaN where there is none.
        pairs_P3: int64 preferences: query's row, places of both passages in its list.
        pair_p_P: their probabilities.
        queries_BD: embeddings of the queries, where paraphrases are needed.
        others_BMD: embeddings of the paraphrases, 0 where padded.
        other_scores_BMK: scores of the paraphrases with the query's own list, where nothing else is scored.
        other_mask_BM: bool, False where padded.
    """

    queries: int
    teacher_BK: Tensor | None = None
    pairs_P3: Tensor | None = None
    pair_p_P: Tensor | None = None
    queries_BD: Tensor | None = None
    others_BMD: Tensor | None = None
    other_scores_BMK: Tensor | None = None
    other_mask_BM: Tensor | None = None

    @classmethod
    def of(
        cls, loss: Loss, batch: ListBatch, queries_BD: Tensor | None = None, others_RD: Tensor | None = None
    ) -> "Beside":
        """Takes from a batch what a loss needs.

        Args:
            loss: the loss.
            batch: on the device of the embeddings.
            queries_BD: embeddings of the queries; not needed where the loss needs no paraphrases.
            others_RD: those of `paraphrase_texts`.
        """
        found = cls(len(batch.queries))
        if "teacher" in loss.needs:
            nothing_BK = torch.full_like(batch.grades_BK, math.nan)
            found = replace(found, teacher_BK=nothing_BK if batch.teacher_BK is None else batch.teacher_BK)
        if "pairs" in loss.needs:
            pairs_P3, p_P = batch.pairs_P3, batch.pair_p_P
            if pairs_P3 is None or p_P is None:
                pairs_P3, p_P = batch.keys_BK.new_zeros(0, 3), batch.grades_BK.new_zeros(0)
            found = replace(found, pairs_P3=pairs_P3, pair_p_P=p_P)
        if "paraphrases" in loss.needs:
            assert queries_BD is not None
            assert others_RD is not None
            mask_BM = batch.paraphrase_mask_BM
            mask_BM = batch.mask_BK[:, :0] if mask_BM is None else mask_BM
            # of a batch without paraphrases, too, a gradient is asked for: all ranks take part in its collective
            others_BMD = queries_BD.new_zeros(*mask_BM.shape, queries_BD.shape[1]).requires_grad_()
            if len(others_RD):
                others_BMD = others_BMD.index_put(tuple(mask_BM.nonzero().unbind(1)), others_RD)
            found = replace(found, queries_BD=queries_BD, others_BMD=others_BMD, other_mask_BM=mask_BM)
        return found

    def scored(self, score: Callable[[Tensor, Tensor], Tensor], lists_BKD: Tensor) -> "Beside":
        """With the scores of the paraphrases in the own lists: for ``in_batch: none``, before anything is gathered.

        Args:
            score: embeddings [Q, D] and [N, D] -> scores [Q, N].
            lists_BKD: embeddings of the lists' passages.
        """
        if self.others_BMD is None:
            return self
        scores = [score(others, passages) for others, passages in zip(self.others_BMD, lists_BKD, strict=True)]
        return replace(self, other_scores_BMK=torch.stack(scores))

    def gathered(self) -> "Beside":
        """That of all ranks' batches, joined in rank order; the gradient goes back to where each row came from."""
        if not is_distributed():
            return self
        found = Beside(self.queries * dist.get_world_size())
        if self.teacher_BK is not None:
            found = replace(found, teacher_BK=gather_rows(widen(self.teacher_BK, math.nan)))
        if self.pairs_P3 is not None and self.pair_p_P is not None:
            pairs_P3, p_P = _gathered_pairs(self.pairs_P3, self.pair_p_P, self.queries)
            found = replace(found, pairs_P3=pairs_P3, pair_p_P=p_P)
        if self.others_BMD is not None and self.other_mask_BM is not None and self.queries_BD is not None:
            found = replace(
                found,
                queries_BD=gather_rows(self.queries_BD),
                others_BMD=gather_rows(widen(self.others_BMD, 0)),
                other_mask_BM=gather_rows(widen(self.other_mask_BM, False)),
            )
        if self.other_scores_BMK is not None:
            scores_BKM = widen(self.other_scores_BMK, 0).transpose(1, 2)
            found = replace(found, other_scores_BMK=gather_rows(widen(scores_BKM, 0)).transpose(1, 2))
        return found

    def of_own_lists(self) -> Extra:
        """For ``in_batch: none``: the columns are the K places of each query's own list."""
        return Extra(
            teacher_BN=self.teacher_BK,
            pairs_P3=self.pairs_P3,
            pair_p_P=self.pair_p_P,
            queries_BD=self.queries_BD,
            paraphrases_BMD=self.others_BMD,
            paraphrase_scores_BMN=self.other_scores_BMK,
            paraphrase_mask_BM=self.other_mask_BM,
        )

    def of_batch(self, score: Callable[[Tensor, Tensor], Tensor], passages_ND: Tensor, own_BN: Tensor) -> Extra:
        """For ``in_batch: local`` and ``global``: the columns are the lists of all queries, one after another.

        Args:
            score: embeddings [Q, D] and [N, D] -> scores [Q, N].
            passages_ND: what is scored.
            own_BN: bool, True for the query's own list.
        """
        extra = self.of_own_lists()
        if self.teacher_BK is not None:
            teacher_BN = self.teacher_BK.new_full(own_BN.shape, math.nan)
            teacher_BN[own_BN] = self.teacher_BK.flatten()
            extra = replace(extra, teacher_BN=teacher_BN)
        if self.pairs_P3 is not None:
            size = own_BN.shape[1] // self.queries
            rows_P, first_P, second_P = self.pairs_P3.unbind(1)
            pairs_P3 = torch.stack([rows_P, rows_P * size + first_P, rows_P * size + second_P], dim=1)
            extra = replace(extra, pairs_P3=pairs_P3)
        if self.others_BMD is not None:
            scores_RN = score(self.others_BMD.flatten(0, 1), passages_ND)
            scores_BMN = scores_RN.view(*self.others_BMD.shape[:2], len(passages_ND))
            extra = replace(extra, paraphrase_scores_BMN=scores_BMN)
        return extra


def _gathered_pairs(pairs_P3: Tensor, p_P: Tensor, queries: int) -> tuple[Tensor, Tensor]:
    """Preferences of all ranks; rank r's query b is row r * queries + b of the joined batch."""
    shift = pairs_P3.new_tensor([dist.get_rank() * queries, 0, 0])
    joined_P3 = gather_rows(widen((pairs_P3 + shift)[None], _NO_ROW)).flatten(0, 1)
    joined_P = gather_rows(widen(p_P[None], math.nan)).flatten()
    real_P = joined_P3[:, 0] != _NO_ROW
    return joined_P3[real_P], joined_P[real_P]
