"""What every training has, whatever is trained: dropout by position, checks, figures, the optimizer."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from wrank.data.collate import ListBatch
from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput
from wrank.training.settings import TrainerSettings
from wrank.training.temperature import temperatures_of


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


class TrainingModule(pl.LightningModule):
    """A model under a loss; subclasses say how a batch is scored.

    Args:
        loss: any loss of the contract in ``wrank/loss/base.py``.
        settings: the trainer's keys.
        total_steps: optimizer steps of the whole training: where the learning rate reaches 0.
        seed: dropout at batch b of rank r is a function of (seed, b, r).

    Raises:
        WrankError: when the loss does not support ``settings.in_batch``.
    """

    model: Any  # a `wrank.model.base.Trainable`, and a module

    def __init__(self, loss: Loss, settings: TrainerSettings, *, total_steps: int, seed: int) -> None:
        super().__init__()
        check_in_batch(loss, settings.in_batch)
        self.loss, self.settings = loss, settings
        self.total_steps, self.seed = total_steps, seed
        self._clock, self._seen = time.monotonic(), {"queries": 0, "tokens": 0}

    def temperature(self) -> float:
        """What the model divides its scores by now; logged."""
        return 1.0

    def configure_model(self) -> None:
        """Lightning asks for it where weights are shared out over ranks; `wrank.training.sharding` does that itself."""

    def on_train_batch_start(self, batch: ListBatch, batch_idx: int) -> None:
        """Keys dropout by position, so that a resumed run draws what an unbroken one draws."""
        word = f"{self.seed}/{batch_idx}/{self.global_rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.blake2b(word, digest_size=7).digest(), "big"))

    def _check_finite(self, output: LossOutput, batch: ListBatch, batch_idx: int) -> None:
        if torch.isfinite(output.loss):
            return
        from wrank.training.callback.watchdog import write_batch

        path = write_batch(self.trainer.default_root_dir, batch, batch_idx, output)
        raise TrainingDiverged(
            f"the loss is {output.loss.item()} at batch {batch_idx} (optimizer step {self.global_step}); "
            f"the batch is in {path}. Try a lower trainer.learning_rate, trainer.precision=32-true, or {self._softer()}"
        )

    def _softer(self) -> str:
        """What of this loss makes its gradients smaller."""
        names = [name for name in temperatures_of(self.loss) if "label" not in name]
        if names:
            return f"a higher {names[0]}"
        return "a smaller loss.scale" if hasattr(self.loss, "log_scale") else "a higher model.temperature"

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
        values["train/temperature"] = self.temperature()
        for name, (part, attribute) in temperatures_of(self.loss).items():
            values[f"train/{name.replace('.', '_')}"] = getattr(part, attribute)
        self.log_dict(values, batch_size=len(batch.queries))
        self.log("loss", output.loss.detach(), prog_bar=True, logger=False, batch_size=len(batch.queries))

    def scales(self) -> list[Tensor]:
        """What the loss learns (temperatures, a scale, a bias), and the model's temperature where it is learnt."""
        of_loss = {id(parameter) for parameter in self.loss.parameters()}
        return [
            parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and (id(parameter) in of_loss or name.endswith("log_temperature"))
        ]

    def _parameter_groups(self) -> list[dict[str, Any]]:
        settings = self.settings
        decayed: list[Tensor] = []
        plain: list[Tensor] = []  # biases and normalisation weights
        scales = [] if settings.scale_learning_rate is None else self.scales()
        apart = set(map(id, scales))
        for parameter in self.parameters():
            if parameter.requires_grad and id(parameter) not in apart:
                (decayed if parameter.ndim > 1 else plain).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        if scales:
            groups.append({"params": scales, "weight_decay": 0.0, "lr": settings.scale_learning_rate})
        return groups

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leaves weights that do not move out of the checkpoint: they come with the model."""
        frozen = {name for name, weight in self.named_parameters() if not weight.requires_grad}
        if frozen:
            kept = checkpoint["state_dict"].items()
            checkpoint["state_dict"] = {
                name: value
                for name, value in kept
                if not any(name == one or name.startswith(f"{one}.") for one in frozen)
            }

    @property  # type: ignore[misc]
    def strict_loading(self) -> bool:
        """Whether a checkpoint must hold every weight: where none is frozen."""
        return all(weight.requires_grad for weight in self.parameters())

    epoch_size: int = 1  # training queries an epoch; set by fit()

    def configure_optimizers(self) -> Any:
        """AdamW; the rate rises linearly over the warm-up, then falls linearly to 0."""
        settings = self.settings
        groups = self._parameter_groups()
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        warm, total = round(settings.warmup * self.total_steps), self.total_steps

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / (warm + 1)
            return max(0.0, (total - step) / max(1, total - warm))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
