"""The training step: encode, score against the batch, mask, ask the loss.

Shapes: B queries in the loss, K passages a list, N passages a query is scored against (K when in_batch is none, B*K
when local, W*B*K when global over W ranks), D embedding size, J known passages of a query (padded), R paraphrases of
the batch's queries.
"""

import functools

import torch
from torch import Tensor

from wrank.data.collate import NO_KEY, ListBatch, in_batch_masks
from wrank.loss.base import Loss, LossOutput
from wrank.model.bi_encoder import BiEncoder
from wrank.training.base import TrainingModule
from wrank.training.chunks import chunk_sizes, padding_share
from wrank.training.extra import Beside, paraphrase_texts
from wrank.training.gather import gather_rows, is_distributed, widen
from wrank.training.matryoshka import over_sizes
from wrank.training.settings import TrainerSettings


class ListwiseModule(TrainingModule):
    """A bi-encoder under a loss.

    Args:
        model: what is trained.
        loss: any loss of the contract in ``wrank/loss/base.py``.
        settings: the trainer's keys.
        total_steps: optimizer steps of the whole training: where the learning rate reaches 0.
        seed: dropout at batch b of rank r is a function of (seed, b, r).

    Raises:
        WrankError: when the loss does not support ``settings.in_batch``.
    """

    def __init__(self, model: BiEncoder, loss: Loss, settings: TrainerSettings, *, total_steps: int, seed: int) -> None:
        super().__init__(loss, settings, total_steps=total_steps, seed=seed)
        self.model = model

    def temperature(self) -> float:
        """What the model divides its scores by now; logged."""
        return float(self.model.temperature)

    def training_step(self, batch: ListBatch, batch_idx: int) -> Tensor:
        """One batch: its loss, logged with what says how the loss was computed."""
        queries_BD, others_RD, passages_ND, padding_share = self._embed(batch)
        with torch.autocast(self.device.type, enabled=False):
            vectors = (queries_BD.float(), others_RD.float(), passages_ND.float())
            cuts, normalize = self.model.matryoshka, self.model.settings.normalize
            output, counts = over_sizes(cuts, normalize, functools.partial(self._loss, batch), *vectors)
        self._check_finite(output, batch, batch_idx)
        self._log(output, counts | {"padding_share": padding_share}, batch, batch_idx)
        return output.loss

    def _embed(self, batch: ListBatch) -> tuple[Tensor, Tensor, Tensor, float]:
        """Embeddings of queries [B, D], paraphrases [R, D] and lists' passages [B*K, D], zeros where a list is padded.

        Paraphrases are encoded where the loss needs them, together with the queries.
        """
        chunk = self.settings.passage_chunk
        query_ids = self.model.tokenize([*batch.queries, *paraphrase_texts(self.loss, batch)], "query")
        mask_N = batch.mask_BK.flatten()
        texts_N = [text for texts in batch.passages for text in texts]
        real_texts = [text for text, real in zip(texts_N, mask_N.tolist(), strict=True) if real]
        passage_ids = self.model.tokenize(real_texts, "passage")
        lengths = [len(ids) for ids in passage_ids]
        sizes = chunk_sizes(lengths, chunk)
        queries_BD = self.model.embed(query_ids, "query", chunk=chunk_sizes([len(ids) for ids in query_ids], chunk))
        real_RD = self.model.embed(passage_ids, "passage", chunk=sizes)
        mask_N = mask_N.to(real_RD.device)
        passages_ND = real_RD.new_zeros(len(mask_N), real_RD.shape[1])
        passages_ND = passages_ND.index_put((mask_N.nonzero().squeeze(1),), real_RD)
        self._seen["queries"] += len(batch.queries)
        self._seen["tokens"] += sum(map(len, query_ids)) + sum(map(len, passage_ids))
        queries_BD, others_RD = queries_BD.split([len(batch.queries), len(query_ids) - len(batch.queries)])
        return queries_BD, others_RD, passages_ND, padding_share(lengths, sizes)

    def _loss(
        self, batch: ListBatch, queries_BD: Tensor, others_RD: Tensor, passages_ND: Tensor
    ) -> tuple[LossOutput, dict[str, float]]:
        batch = batch.to(queries_BD.device)
        beside = Beside.of(self.loss, batch, queries_BD, others_RD)
        if self.settings.in_batch == "none":
            return self._loss_over_own_lists(batch, queries_BD, passages_ND, beside)
        grades_BK, mask_BK, keys_BK = batch.grades_BK, batch.mask_BK, batch.keys_BK
        known_BJ, weight_B = batch.known_BJ, batch.weight_B
        if self.settings.in_batch == "global" and is_distributed():
            lists_BKD = passages_ND.view(*grades_BK.shape, -1)
            ragged = ((grades_BK, 0), (mask_BK, False), (keys_BK, NO_KEY), (known_BJ, NO_KEY), (lists_BKD, 0))
            grades_BK, mask_BK, keys_BK, known_BJ, lists_BKD = (gather_rows(widen(rows, fill)) for rows, fill in ragged)
            queries_BD, weight_B = gather_rows(queries_BD), gather_rows(weight_B)
            beside = beside.gathered()
            passages_ND = lists_BKD.flatten(0, 1)
        own_BN, valid_BN, counts = in_batch_masks(keys_BK, mask_BK, known_BJ)
        grades_BN = grades_BK.new_zeros(own_BN.shape)
        grades_BN[own_BN] = grades_BK.flatten()
        scores_BN = self.model.score(queries_BD, passages_ND)
        extra = beside.of_batch(self.model.score, passages_ND, own_BN)
        output = self.loss(scores_BN, grades_BN, own_BN=own_BN, valid_BN=valid_BN, weight_B=weight_B, extra=extra)
        masked = {f"masked_{reason}": float(count) for reason, count in counts.items()}
        return output, masked | {"effective_n": valid_BN.sum(1).float().mean().item()}

    def _loss_over_own_lists(
        self, batch: ListBatch, queries_BD: Tensor, passages_ND: Tensor, beside: Beside
    ) -> tuple[LossOutput, dict[str, float]]:
        lists_BKD = passages_ND.view(*batch.mask_BK.shape, -1)
        scores_BK = torch.cat(
            [self.model.score(query_D[None], list_KD) for query_D, list_KD in zip(queries_BD, lists_BKD, strict=True)]
        )
        grades_BK, mask_BK, weight_B = batch.grades_BK, batch.mask_BK, batch.weight_B
        beside = beside.scored(self.model.score, lists_BKD)
        if is_distributed():  # a mean of the ranks' means is not the joined batch's where their weights differ
            ragged = ((scores_BK, 0), (grades_BK, 0), (mask_BK, False))
            scores_BK, grades_BK, mask_BK = (gather_rows(widen(rows, fill)) for rows, fill in ragged)
            weight_B, beside = gather_rows(weight_B), beside.gathered()
        own_BK, extra = torch.ones_like(mask_BK), beside.of_own_lists()
        output = self.loss(scores_BK, grades_BK, own_BN=own_BK, valid_BN=mask_BK, weight_B=weight_B, extra=extra)
        return output, {"effective_n": mask_BK.sum(1).float().mean().item()}
