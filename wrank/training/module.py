"""The training step: encode, score against the batch, mask, ask the loss.

Shapes: B queries in the loss, K passages a list, N passages a query is scored against (K when in_batch is none, B*K
when local, W*B*K when global over W ranks), D embedding size, J known passages of a query (padded).
"""

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from wrank.data.collate import NO_KEY, ListBatch, in_batch_masks
from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput
from wrank.loss.extra import Extra
from wrank.model.bi_encoder import BiEncoder
from wrank.training.chunks import chunk_sizes, padding_share
from wrank.training.gather import gather_rows, is_distributed, widen
from wrank.training.settings import TrainerSettings


@dataclass(frozen=True)
class Card:
    """Facts for a model card: what it was trained from, and words -> values."""

    base: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class TrainingDiverged(WrankError):
    """The loss is not a finite number; the batch that did it has been written to disk."""


def check_in_batch(loss: Loss, in_batch: str) -> None:
    """Refuses an ``in_batch`` that the loss cannot work with.

    Raises:
        WrankError: which values it supports, and why not this one.
    """
    if in_batch not in loss.in_batch_supported:
        supported = ", ".join(sorted(loss.in_batch_supported))
        reason = loss.in_batch_refusals.get(in_batch, "")
        raise WrankError(
            f"{type(loss).__name__} does not work with trainer.in_batch={in_batch} (but {supported}). {reason}"
        )


class ListwiseModule(pl.LightningModule):
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
        super().__init__()
        check_in_batch(loss, settings.in_batch)
        self.model, self.loss, self.settings = model, loss, settings
        self.total_steps, self.seed = total_steps, seed
        self._clock, self._seen = time.monotonic(), {"queries": 0, "tokens": 0}

    def on_train_batch_start(self, batch: ListBatch, batch_idx: int) -> None:
        """Keys dropout by position, so that a resumed run draws what an unbroken one draws."""
        word = f"{self.seed}/{batch_idx}/{self.global_rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.blake2b(word, digest_size=7).digest(), "big"))

    def training_step(self, batch: ListBatch, batch_idx: int) -> Tensor:
        """One batch: its loss, logged with what says how the loss was computed."""
        queries_BD, passages_ND, padding_share = self._embed(batch)
        with torch.autocast(self.device.type, enabled=False):
            output, counts = self._loss(batch, queries_BD.float(), passages_ND.float())
        self._check_finite(output, batch, batch_idx)
        self._log(output, counts | {"padding_share": padding_share}, batch, batch_idx)
        return output.loss

    def _embed(self, batch: ListBatch) -> tuple[Tensor, Tensor, float]:
        """Embeddings of the queries [B, D] and of the lists' passages [B*K, D], zeros where a list is padded."""
        chunk = self.settings.passage_chunk
        query_ids = self.model.tokenize(batch.queries, "query")
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
        self._seen["queries"] += len(query_ids)
        self._seen["tokens"] += sum(map(len, query_ids)) + sum(map(len, passage_ids))
        return queries_BD, passages_ND, padding_share(lengths, sizes)

    def _loss(self, batch: ListBatch, queries_BD: Tensor, passages_ND: Tensor) -> tuple[LossOutput, dict[str, float]]:
        batch = batch.to(queries_BD.device)
        if self.settings.in_batch == "none":
            return self._loss_over_own_lists(batch, queries_BD, passages_ND)
        grades_BK, mask_BK, keys_BK = batch.grades_BK, batch.mask_BK, batch.keys_BK
        known_BJ, weight_B, teacher_BK = batch.known_BJ, batch.weight_B, self._teacher(batch)
        if self.settings.in_batch == "global" and is_distributed():
            lists_BKD = passages_ND.view(*grades_BK.shape, -1)
            ragged = ((grades_BK, 0), (mask_BK, False), (keys_BK, NO_KEY), (known_BJ, NO_KEY), (lists_BKD, 0))
            grades_BK, mask_BK, keys_BK, known_BJ, lists_BKD = (gather_rows(widen(rows, fill)) for rows, fill in ragged)
            queries_BD, weight_B = gather_rows(queries_BD), gather_rows(weight_B)
            teacher_BK = None if teacher_BK is None else gather_rows(widen(teacher_BK, math.nan))
            passages_ND = lists_BKD.flatten(0, 1)
        own_BN, valid_BN, counts = in_batch_masks(keys_BK, mask_BK, known_BJ)
        grades_BN = grades_BK.new_zeros(own_BN.shape)
        grades_BN[own_BN] = grades_BK.flatten()
        scores_BN = self.model.score(queries_BD, passages_ND)
        extra = Extra()
        if teacher_BK is not None:
            teacher_BN = torch.full_like(scores_BN, math.nan, requires_grad=False)
            teacher_BN[own_BN] = teacher_BK.flatten().to(teacher_BN.dtype)
            extra = Extra(teacher_BN=teacher_BN)
        output = self.loss(scores_BN, grades_BN, own_BN=own_BN, valid_BN=valid_BN, weight_B=weight_B, extra=extra)
        masked = {f"masked_{reason}": float(count) for reason, count in counts.items()}
        return output, masked | {"effective_n": valid_BN.sum(1).float().mean().item()}

    def _loss_over_own_lists(
        self, batch: ListBatch, queries_BD: Tensor, passages_ND: Tensor
    ) -> tuple[LossOutput, dict[str, float]]:
        lists_BKD = passages_ND.view(*batch.mask_BK.shape, -1)
        scores_BK = torch.cat(
            [self.model.score(query_D[None], list_KD) for query_D, list_KD in zip(queries_BD, lists_BKD, strict=True)]
        )
        grades_BK, mask_BK, weight_B = batch.grades_BK, batch.mask_BK, batch.weight_B
        teacher_BK = self._teacher(batch)
        if is_distributed():  # a mean of the ranks' means is not the joined batch's where their weights differ
            ragged = ((scores_BK, 0), (grades_BK, 0), (mask_BK, False))
            scores_BK, grades_BK, mask_BK = (gather_rows(widen(rows, fill)) for rows, fill in ragged)
            weight_B = gather_rows(weight_B)
            teacher_BK = None if teacher_BK is None else gather_rows(widen(teacher_BK, math.nan))
        own_BK = torch.ones_like(mask_BK)
        extra = Extra(teacher_BN=teacher_BK)
        output = self.loss(scores_BK, grades_BK, own_BN=own_BK, valid_BN=mask_BK, weight_B=weight_B, extra=extra)
        return output, {"effective_n": mask_BK.sum(1).float().mean().item()}

    def _teacher(self, batch: ListBatch) -> Tensor | None:
        """Teacher scores [B, K] where the loss needs them: also of a batch without any, so that ranks gather alike."""
        if "teacher" not in self.loss.needs:
            return None
        return torch.full_like(batch.grades_BK, math.nan) if batch.teacher_BK is None else batch.teacher_BK

    def _check_finite(self, output: LossOutput, batch: ListBatch, batch_idx: int) -> None:
        if torch.isfinite(output.loss):
            return
        from wrank.training.callback.watchdog import write_batch

        path = write_batch(self.trainer.default_root_dir, batch, batch_idx, output)
        raise TrainingDiverged(
            f"the loss is {output.loss.item()} at batch {batch_idx} (optimizer step {self.global_step}); "
            f"the batch is in {path}. Try a lower trainer.learning_rate, trainer.precision=32-true, or a higher "
            f"loss.temperature"
        )

    def _log(self, output: LossOutput, facts: dict[str, float], batch: ListBatch, batch_idx: int) -> None:
        values: dict[str, Any] = {"train/loss": output.loss.detach()}
        values |= {f"train/{name}": value for name, value in (output.parts | facts).items()}
        now = time.monotonic()
        if (batch_idx + 1) % self.settings.log_steps == 0:
            seconds = max(now - self._clock, 1e-9)
            values |= {f"train/{name}_per_second": count / seconds for name, count in self._seen.items()}
            self._clock, self._seen = now, {"queries": 0, "tokens": 0}
        values["train/epoch"] = (batch_idx + 1) * self.settings.batch_size * self.settings.world_size / self.epoch_size
        values["train/learning_rate"] = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        values["train/temperature"] = float(self.model.temperature)
        self.log_dict(values, batch_size=len(batch.queries))
        self.log("loss", output.loss.detach(), prog_bar=True, logger=False, batch_size=len(batch.queries))

    epoch_size: int = 1  # training queries an epoch; set by fit()

    def configure_optimizers(self) -> Any:
        """AdamW; the rate rises linearly over the warm-up, then falls linearly to 0."""
        settings = self.settings
        decayed: list[Tensor] = []
        plain: list[Tensor] = []  # biases and normalisation weights
        for parameter in self.parameters():
            if parameter.requires_grad:
                (decayed if parameter.ndim > 1 else plain).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        warm, total = round(settings.warmup * self.total_steps), self.total_steps

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / (warm + 1)
            return max(0.0, (total - step) / max(1, total - warm))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
