"""One training in one folder: from lists and a model to ``best/`` and ``last/``, going on after a kill."""

import json
import logging
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, Logger

from wrank.data.lists import ListSampler
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.model.base import Trainable
from wrank.training.base import Card
from wrank.training.callback.average import AverageWeights
from wrank.training.callback.dev import DEV_SCORES, DevScore
from wrank.training.callback.last import LAST_FACTS, LastWeights
from wrank.training.callback.preempt import OwnSignals, Preempt
from wrank.training.callback.prepared import Prepared
from wrank.training.callback.prune import Ask, PruneByDev, forget_pruning, raise_if_pruned
from wrank.training.callback.resume import ResumeCheckpoint
from wrank.training.callback.temperature import MovingTemperatures
from wrank.training.checkpoint import recover, remove, saved_step
from wrank.training.compute import lightning_precision, prepare_model
from wrank.training.datamodule import ListDataModule
from wrank.training.kind import module_for
from wrank.training.launch import first_rank_first, is_first
from wrank.training.metrics import merge_logs, new_log
from wrank.training.part import ROUND_STATE, Part
from wrank.training.settings import TrainerSettings
from wrank.training.signals import Watch, held_from_ranks, watched
from wrank.training.strategy import check_strategy, gradient_callbacks, make_environment, make_strategy
from wrank.training.temperature import read_courses

log = logging.getLogger(__name__)
CHECKPOINT = "resume.ckpt"
_RANKS_END = 30.0
"""Seconds that spawned ranks have to end after they were told to."""


@dataclass
class Training:
    """What one training needs.

    Attributes:
        model: a bi-encoder or a cross-encoder; its weights are changed.
        loss: the loss.
        sampler: draws the lists.
        known: query id -> text keys of its known positives and excluded passages.
        settings: the trainer's keys.
        seed: of dropout; the sampler has its own.
        dev: the model -> measure -> value over the dev queries; None = no dev queries, the last weights are the best.
        dev_name: the dev set's name in ``val/<name>/<measure>``.
        card: facts for the model card.
        loggers: Lightning loggers beside the CSV file.
        callbacks: Lightning callbacks beside our own, e.g. a progress bar.
        part: which round of a training in several this is; by default the only one.
        prune: told each dev score, says whether the training is to end early; None = it is not.
    """

    model: Trainable
    loss: Loss
    sampler: ListSampler
    known: Callable[[str], Any]
    settings: TrainerSettings
    seed: int
    dev: Callable[[Any], dict[str, float]] | None = None
    dev_name: str = "dev"
    card: Card = field(default_factory=Card)
    loggers: Sequence[Logger] = ()
    callbacks: Sequence[pl.Callback] = ()
    part: Part = field(default_factory=Part)
    prune: Ask | None = None


def fit(training: Training, folder: Path) -> dict[str, Any]:
    """Trains; ``folder`` then holds ``best/``, ``last/``, ``metrics.csv`` and ``dev.json``.

    Args:
        training: what to train, on what, how.
        folder: the stage's partial folder; a ``resume.ckpt`` (a file or a folder) in it is gone on from.

    Returns:
        Figures for the manifest: steps, epochs, resumed_at, best_step, dev scores.

    Raises:
        WrankError: no list to train on, an in_batch the loss does not support, a diverged loss.
        Stopped: a signal asked for it (`wrank.training.signals`), or `Training.prune`; a checkpoint stands.
    """
    settings = training.settings
    if len(training.sampler) == 0:
        raise WrankError("no query of the training split has a passage with a grade above 0: nothing to train on")
    steps = settings.steps(len(training.sampler))
    module = module_for(training.model, training.loss, settings, total_steps=steps, seed=training.seed)
    module.epoch_size = len(training.sampler)
    if settings.scale_learning_rate is not None and is_first(settings) and not module.scales():
        log.warning(
            "trainer.scale_learning_rate=%g changes nothing: neither this loss nor this model learns a temperature, a "
            "scale or a bias (model.learn_temperature=true does)",
            settings.scale_learning_rate,
        )
    data = ListDataModule(
        training.sampler,
        training.known,
        batches=steps * settings.accumulate,
        batch_size=settings.batch_size,
        workers=settings.workers,
    )
    checkpoint, part = folder / CHECKPOINT, training.part
    check_strategy(
        settings,
        type(training.model),
        frozen=not all(weight.requires_grad for weight in training.model.parameters()),
        rounds=part.stop is not None or part.decay is not None,
    )
    with first_rank_first(settings):
        if is_first(settings):
            recover(checkpoint)
            forget_pruning(folder)
        begins_at = part.prepare(folder, checkpoint)
    resumed_at = saved_step(checkpoint)
    prepare_model(training.model, settings)
    training.model.train()  # transformers hands models over in eval mode, and Lightning leaves the mode as it is
    dev = _dev_callback(training, folder, steps)
    with warnings.catch_warnings(), watched(steps) as watch:
        _quiet()
        trainer = _trainer(training, folder, dev, checkpoint, watch)
        _run(trainer, module, data, checkpoint if resumed_at else None, watch)
        raise_if_pruned(folder)
        if not trainer.is_global_zero:  # of a launcher: rank 0 finishes the folder
            return {}
        facts = {"steps_planned": steps, "resumed_at": 0 if resumed_at == begins_at else resumed_at}
        return _finish(folder, facts | ({"begins_at": begins_at} if begins_at else {}))


def _run(
    trainer: pl.Trainer, module: pl.LightningModule, data: ListDataModule, checkpoint: Path | None, watch: Watch
) -> None:
    try:
        with held_from_ranks():
            trainer.fit(module, data, ckpt_path=None if checkpoint is None else str(checkpoint), weights_only=True)
    except torch.multiprocessing.ProcessRaisedException as error:
        raise _of_a_rank(error) from None
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning turns Ctrl-C into exit(1)
            raise KeyboardInterrupt from None
        raise
    finally:
        if watch.has_left and watch.is_main:
            _end_ranks(trainer)


def _end_ranks(trainer: pl.Trainer) -> None:
    """Waits for spawned ranks that were told to end."""
    until = time.monotonic() + _RANKS_END
    for process in getattr(trainer.strategy.launcher, "procs", []):
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _dev_callback(training: Training, folder: Path, steps: int) -> DevScore | None:
    if training.dev is None:
        return None
    epoch = max(1, round(len(training.sampler) / training.settings.queries_a_step))
    return DevScore(
        training.dev,
        prefix=f"val/{training.dev_name}",
        steps=training.settings.dev_steps or min(epoch, steps),
        patience=training.settings.patience,
        folder=folder,
        card=training.card,
    )


def _trainer(training: Training, folder: Path, dev: DevScore | None, checkpoint: Path, watch: Watch) -> pl.Trainer:
    settings, part = training.settings, training.part
    courses = read_courses(settings.temperatures)
    resume = ResumeCheckpoint(checkpoint, settings.checkpoint_steps, part.stop, folder / ROUND_STATE)
    callbacks = [
        *training.callbacks,
        Prepared(settings),
        *gradient_callbacks(settings),
        *([dev] if dev else []),
        *([MovingTemperatures(courses)] if courses else []),
        LastWeights(folder, training.card, dev),
        *([] if part.decay is None else [AverageWeights(folder, training.card, part.decay)]),
        resume,
        *([PruneByDev(dev, resume, training.prune, folder)] if dev and training.prune else []),
        Preempt(watch, resume),
    ]
    trainer = pl.Trainer(
        default_root_dir=folder,
        accelerator="gpu" if settings.uses_gpu() else "cpu",
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=make_strategy(settings),
        precision=lightning_precision(settings),  # type: ignore[arg-type]
        max_epochs=1,  # the stream is one pass over all positions (see datamodule.py)
        max_steps=part.stop or -1,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=None if settings.strategy == "fsdp2" else settings.clip,
        log_every_n_steps=settings.log_steps,
        logger=[CSVLogger(folder, name="", version=new_log(folder), flush_logs_every_n_steps=1), *training.loggers],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=any(isinstance(callback, pl.callbacks.ProgressBar) for callback in training.callbacks),
        plugins=[make_environment(settings)],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    trainer._signal_connector = OwnSignals(trainer)
    return trainer


def _finish(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Reads back what rank 0 wrote: with spawned ranks this process did not see the training."""
    result = facts | json.loads((folder / LAST_FACTS).read_text(encoding="utf-8"))
    if (folder / DEV_SCORES).is_file():
        dev = json.loads((folder / DEV_SCORES).read_text(encoding="utf-8"))
        result |= {"best_step": dev["best_step"], "best_dev": dev["best"], "dev": dev["history"][-1]}
    else:
        shutil.copytree(folder / "last", folder / "best", dirs_exist_ok=True)
    merge_logs(folder)
    for leftover in [*folder.glob("bad_batch_*.jsonl"), folder / CHECKPOINT, folder / LAST_FACTS]:
        remove(leftover)  # of an earlier try, or of no more use
    return result


def _of_a_rank(error: Exception) -> Exception:
    """A WrankError of a spawned rank as a WrankError here; anything else as it came."""
    for line in reversed(str(error).strip().split("\n")):
        name, _, message = line.partition(": ")
        if name in ("wrank.errors.WrankError", "wrank.training.base.TrainingDiverged"):
            return WrankError(message)
    return error


def _quiet() -> None:
    """Lightning's advice that does not apply here: our loader is a stream, workers are the user's key."""
    for message in (
        ".*does not have many workers.*",
        ".*logging interval.*",
        ".*Checkpoint directory.*",
        ".*`isinstance.*",
        ".*`srun` command is available.*",  # who the ranks are is settled in launch.py
    ):
        warnings.filterwarnings("ignore", message=message)
    for name in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
