"""Trains once, or in several rounds: the contract of the procedures, and what they have in common."""

import copy
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from omegaconf import OmegaConf

from wrank.config import build
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.identity import identity
from wrank.stage.kind import trains_reranker
from wrank.stage.model import Plan, train
from wrank.store import Artifact, Stage
from wrank.tracking.base import Role, Tracker
from wrank.tracking.identity import RunIdentity
from wrank.training.settings import TrainerSettings


class Trained(NamedTuple):
    """What a procedure ends with.

    Attributes:
        artifact: of the last round: what is evaluated.
        plan: what the whole is called in a tracker, and what it was trained on.
    """

    artifact: Artifact
    plan: Plan


class Rounds:
    """Trains once; the base of the procedures that train in several rounds.

    Every round is a ``model`` stage of its own in the store, which names the round before among its inputs: a killed
    command goes on with the round it was at, and a finished round is not done again.

    Attributes:
        name: the option's name.
    """

    name: ClassVar[str] = "none"

    def check(self, context: Context) -> None:
        """Refuses what cannot be, before any work.

        Args:
            context: the job.

        Raises:
            WrankError: another choice does not fit the procedure.
        """

    def first(self, context: Context) -> Context:
        """The job as the first round has it: what is planned, and checked against the test sets."""
        return context

    def train(self, context: Context, plan: Plan, tracker: Tracker, generated: Artifact | None = None) -> Trained:
        """Trains, or finds that it was done. The tracker's run is open afterwards when something was trained.

        Args:
            context: the job.
            plan: of the first round.
            tracker: gets one run over all rounds.
            generated: passages written for the training queries, or None.

        Raises:
            WrankError: bad input of a round.
        """
        return Trained(train(context, plan, tracker), plan)


def checked_rounds(context: Context) -> Rounds:
    """The chosen procedure, checked against the job's other choices.

    Raises:
        WrankError: a value out of range, or a choice that does not fit the procedure.
    """
    rounds: Rounds = build(context.cfg, "rounds")
    rounds.check(context)
    return rounds


class OneRun(Tracker):
    """A tracker whose run is one over all rounds: opened once, by whichever round is trained first.

    Attributes:
        first_step: optimizer steps of the rounds before, where each counts its own from 0.
    """

    def __init__(self, tracker: Tracker, context: Context, whole: Stage) -> None:
        self.tracker, self.identity, self.started = tracker, identity(context, whole, "train"), False
        self.first_step, self.wants_artifacts = 0, tracker.wants_artifacts

    def start(self, identity: RunIdentity) -> None:
        """Opens the run of the whole, the first time."""
        if not self.started:
            self.started = True
            self.tracker.start(self.identity)

    def lightning_loggers(self, first_step: int = 0) -> list[Any]:
        """Those of the run."""
        return self.tracker.lightning_loggers(self.first_step + first_step)

    def log(self, figures: Mapping[str, float]) -> None:
        """Adds figures to the run."""
        self.tracker.log(figures)

    def table(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], texts: Collection[str] = ()
    ) -> None:
        """Adds a table to the run."""
        self.tracker.table(name, columns, rows, texts)

    def page(self, name: str, path: Path) -> None:
        """Adds a page to the run."""
        self.tracker.page(name, path)

    def artifact(self, manifest_folder: Path, role: Role) -> None:
        """Adds a round's artifact to the run's lineage."""
        self.tracker.artifact(manifest_folder, role)

    def data(self, name: str, fingerprint: str, facts: Mapping[str, Any]) -> None:
        """Adds a round's collection to the run's lineage."""
        self.tracker.data(name, fingerprint, facts)

    def pause(self) -> None:
        """Closes the run as one that goes on."""
        self.tracker.pause()

    def finish(self, exit_code: int) -> None:
        """Closes the run."""
        self.tracker.finish(exit_code)


def as_whole(plan: Plan, facts: Mapping[str, Any]) -> Plan:
    """The plan under the key that stands for all rounds: it names the run in a tracker, and no artifact."""
    config = {**plan.stage.config, "rounds": dict(facts)}
    return dataclasses.replace(plan, stage=dataclasses.replace(plan.stage, config=config))


def with_choices(
    context: Context, changes: Mapping[str, Any], choices: Mapping[str, str | None], new_base: bool = False
) -> Context:
    """The same job with some nodes of its configuration replaced.

    Args:
        context: the job; not changed.
        changes: dotted key -> what stands there instead.
        choices: config group -> the option that this is; None = none.
        new_base: the encoder is another one.
    """
    cfg = copy.deepcopy(context.cfg)
    OmegaConf.set_struct(cfg, False)
    for key, value in changes.items():
        OmegaConf.update(cfg, key, value, merge=False)
    named = {group: option for group, option in {**context.choices, **choices}.items() if option is not None}
    changed = dataclasses.replace(context, cfg=cfg, choices=named)
    if new_base:
        changed._base = None
    return changed


def check_kind(context: Context, name: str) -> None:
    """Refuses what rounds cannot do: a model that ranks no corpus, ranks that a launcher starts.

    Args:
        context: the job.
        name: of the procedure.

    Raises:
        WrankError: what does not fit.
    """
    settings: TrainerSettings = build(context.cfg, "trainer")
    if settings.launched:
        raise WrankError(
            f"rounds={name} with trainer.strategy={settings.strategy}: wanted auto, ddp_spawn or ddp_fork; what is "
            "done between rounds is one process's work"
        )
    if trains_reranker(context):
        raise WrankError(
            f"rounds={name} wants a bi-encoder, but model={context.model_name} is a CrossEncoder; take rounds=none"
        )


def check_count(value: Any, least: int = 1) -> int:
    """``rounds.count``, a whole number.

    Raises:
        WrankError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise WrankError(f"rounds.count={value!r}: wanted a whole number from {least} up")
    return value


def check_choice(key: str, value: Any, known: tuple[str, ...]) -> str:
    """A value of ``rounds.KEY`` that is a word.

    Raises:
        WrankError: an unknown word.
    """
    if value not in known:
        raise WrankError(f"rounds.{key}={value!r}: wanted one of {', '.join(known)}")
    return str(value)
