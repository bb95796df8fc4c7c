"""The training step of a cross-encoder: score the pairs of every list, ask the loss.

Shapes: B queries in the loss, K passages a list (padded), P pairs of query and passage.
"""

import torch
from torch import Tensor

from wrank.data.collate import ListBatch
from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput
from wrank.model.cross_encoder import CrossEncoder
from wrank.training.base import TrainingModule
from wrank.training.chunks import chunk_sizes, padding_share
from wrank.training.extra import Beside
from wrank.training.gather import gather_rows, is_distributed, widen
from wrank.training.settings import TrainerSettings


def check_cross(loss: Loss, in_batch: str) -> None:
    """Refuses what needs vectors, which a cross-encoder has none of.

    Args:
        loss: the loss.
        in_batch: ``trainer.in_batch``.

    Raises:
        WrankError: passages of other queries are wanted, each of which would be a further pair to read; a loss over
            embeddings.
    """
    if in_batch != "none":
        raise WrankError(
            f"trainer.in_batch={in_batch}: a cross-encoder reads each query with its own passages, and scores with "
            "other queries' passages would cost a pass each; set trainer.in_batch=none"
        )
    if "paraphrases" in loss.needs:
        raise WrankError(
            f"{type(loss).__name__} compares embeddings of queries, which a cross-encoder does not make; choose "
            "another loss, or a bi-encoder"
        )


class CrossEncoderModule(TrainingModule):
    """A cross-encoder under a loss; every list is compared within itself.

    Args:
        model: what is trained.
        loss: any loss that works with ``in_batch=none``.
        settings: the trainer's keys.
        total_steps: optimizer steps of the whole training.
        seed: dropout at batch b of rank r is a function of (seed, b, r).

    Raises:
        WrankError: see `check_cross`.
    """

    def __init__(
        self, model: CrossEncoder, loss: Loss, settings: TrainerSettings, *, total_steps: int, seed: int
    ) -> None:
        check_cross(loss, settings.in_batch)
        super().__init__(loss, settings, total_steps=total_steps, seed=seed)
        self.model: CrossEncoder = model

    def training_step(self, batch: ListBatch, batch_idx: int) -> Tensor:
        """One batch: its loss, logged with what says how the loss was computed."""
        scores_BK, share = self._scores(batch)
        with torch.autocast(self.device.type, enabled=False):
            output, facts = self._loss(batch.to(scores_BK.device), scores_BK.float())
        self._check_finite(output, batch, batch_idx)
        self._log(output, facts | {"padding_share": share}, batch, batch_idx)
        return output.loss

    def _scores(self, batch: ListBatch) -> tuple[Tensor, float]:
        """Scores [B, K], zeros where a list is padded; and the share of the computed tokens that is padding."""
        pairs = [
            (query, passage)
            for query, passages, real_K in zip(batch.queries, batch.passages, batch.mask_BK.tolist(), strict=True)
            for passage, real in zip(passages, real_K, strict=True)
            if real
        ]
        encoded = self.model.tokenize(pairs)
        lengths = [len(row["input_ids"]) for row in encoded]
        sizes = chunk_sizes(lengths, self.settings.passage_chunk)
        scores_P = self.model.score(encoded, sizes)
        self._seen["queries"] += len(batch.queries)
        self._seen["tokens"] += sum(lengths)
        mask_BK = batch.mask_BK.to(scores_P.device)
        scores_BK = scores_P.new_zeros(mask_BK.shape).index_put(tuple(mask_BK.nonzero().unbind(1)), scores_P)
        return scores_BK, padding_share(lengths, sizes)

    def _loss(self, batch: ListBatch, scores_BK: Tensor) -> tuple[LossOutput, dict[str, float]]:
        grades_BK, mask_BK, weight_B = batch.grades_BK, batch.mask_BK, batch.weight_B
        beside = Beside.of(self.loss, batch)
        if is_distributed():  # a mean of the ranks' means is not the joined batch's where their weights differ
            ragged = ((scores_BK, 0), (grades_BK, 0), (mask_BK, False))
            scores_BK, grades_BK, mask_BK = (gather_rows(widen(rows, fill)) for rows, fill in ragged)
            weight_B, beside = gather_rows(weight_B), beside.gathered()
        own_BK, extra = torch.ones_like(mask_BK), beside.of_own_lists()
        output = self.loss(scores_BK, grades_BK, own_BN=own_BK, valid_BN=mask_BK, weight_B=weight_B, extra=extra)
        real = scores_BK.detach()[mask_BK]
        return output, {
            "effective_n": mask_BK.sum(1).float().mean().item(),
            "score_mean": real.mean().item(),
            "score_std": real.std(unbiased=False).item(),
        }
