"""Weights & Biases through Lightning's logger, offline by default."""

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import wandb
from pytorch_lightning.loggers import WandbLogger

from wrank.errors import WrankError
from wrank.tracking.base import Tracker
from wrank.tracking.identity import RunIdentity

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])
MODES = ("offline", "online", "disabled")


def never_raises(method: F) -> F:
    """Turns an error of the tracking service into one warning; the run goes on without it."""

    @functools.wraps(method)
    def guarded(self: Any, *words: Any, **named: Any) -> Any:
        if self.broken:
            return None
        try:
            return method(self, *words, **named)
        except Exception as error:  # whatever W&B raises: time-outs, full disks, its own bugs
            self.broken = True
            log.warning(
                "W&B: %s: %s; this run goes on without it (metrics.csv is complete)", type(error).__name__, error
            )
            return None

    return cast(F, guarded)


class GuardedLogger(WandbLogger):
    """Lightning's logger, whose calls during a training warn once instead of raising. Ranks can be spawned with it."""

    broken = False
    first_step = 0

    @never_raises
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs figures, after those of the trainings that the run holds already."""
        super().log_metrics(metrics, None if step is None else step + self.first_step)

    log_hyperparams = never_raises(WandbLogger.log_hyperparams)
    finalize = never_raises(WandbLogger.finalize)


class WandbTracker(Tracker):
    """One W&B run for one wrank run.

    Args:
        project: W&B project.
        entity: W&B user or team; None = the account's default.
        mode: offline, online or disabled.
        folder: where W&B writes its files.

    Raises:
        WrankError: an unknown mode.
    """

    def __init__(
        self, project: str = "wrank", entity: str | None = None, mode: str = "offline", folder: str = "wandb"
    ) -> None:
        if mode not in MODES:
            raise WrankError(f"logger.mode={mode!r}: wanted one of {', '.join(MODES)}")
        self.project, self.entity, self.mode, self.folder = project, entity, mode, Path(folder)
        self.logger: Any = None
        self.broken = False

    @never_raises
    def start(self, identity: RunIdentity) -> None:
        """Opens the run with an id derived from the run's key."""
        if self.mode == "disabled":
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=cast(Any, self.mode),
            dir=str(self.folder.absolute()),
            id=identity.id,
            resume="allow" if self.mode == "online" else None,
            name=identity.name,
            group=identity.group[:128],
            job_type=identity.job_type,
            tags=[tag[:64] for tag in identity.tags],
            config=identity.flat_config(),
            reinit="finish_previous",
            settings=wandb.Settings(silent=True, console="off", init_timeout=60),
        )
        self.logger = GuardedLogger(experiment=run, log_model=False)

    def lightning_loggers(self, first_step: int = 0) -> list[Any]:
        """The run's logger, unless W&B failed to start."""
        if self.logger is None or self.broken:
            return []
        self.logger.first_step = first_step
        return [self.logger]

    @never_raises
    def log(self, figures: Mapping[str, float]) -> None:
        """Adds figures of the whole run to its history and summary."""
        if self.logger is not None:
            self.logger.experiment.log(dict(figures))

    @never_raises
    def finish(self, exit_code: int) -> None:
        """Closes the run."""
        if self.logger is not None:
            self.logger.experiment.finish(exit_code=exit_code)
            self.logger = None
