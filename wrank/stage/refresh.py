"""Hard negatives of the model as it is by now, drawn anew several times in the course of one training."""

import dataclasses
from typing import ClassVar

from wrank.config import plain
from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.candidates import find_candidates
from wrank.stage.context import Context
from wrank.stage.first_stage import Found
from wrank.stage.identity import run_name
from wrank.stage.model import Plan, plan_training, sampler_of, train
from wrank.stage.rounds import OneRun, Rounds, Trained, as_whole, check_choice, check_count, check_kind, with_choices
from wrank.store import Artifact
from wrank.tracking.base import Tracker
from wrank.tracking.progress import note

_LOOKED_AT = 100  # lists


class Refresh(Rounds):
    """One training, cut into rounds; before each but the first its own weights rank the corpus anew.

    The dense negatives of the first round come from the ranking of the encoder that training starts from, those of each
    further one from the ranking of the weights at the end of the round before. All else goes on as in one training: a
    single warm-up, a rate that reaches 0 at the end of the last round, AdamW's moments, positions in the data, dropout,
    the dev score that the best weights have. The passages that dev queries are ranked over stay those of the first
    ranking, so that dev scores can be compared over rounds.

    Source: Xiong et al., "Approximate Nearest Neighbor Negative Contrastive Learning for Dense Text Retrieval" (arXiv
    2007.00808, 2020). There the ranking is made beside the training, which does not wait for it; here it does, so that
    the result is a function of the configuration alone.

    Args:
        count: rounds that the optimizer steps are divided into; with 1 the negatives are never refreshed.
        epochs: passes over the training queries a round, may be a fraction; it then stands for ``trainer.max_epochs``
            and ``trainer.max_steps``. None = those, divided by the rounds.
        optimizer: ``carry`` AdamW's moments over to the next round, or begin it with ``fresh`` ones.

    Raises:
        WrankError: a value out of its range.
    """

    name: ClassVar[str] = "refresh"

    def __init__(self, count: int, epochs: float | None = None, optimizer: str = "carry") -> None:
        self.count, self.epochs = check_count(count), epochs
        if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int | float) or epochs <= 0):
            raise WrankError(f"rounds.epochs={epochs!r}: wanted a number above 0, or null for the trainer's own length")
        self.optimizer = check_choice("optimizer", optimizer, ("carry", "fresh"))

    def check(self, context: Context) -> None:
        """Refuses lists without dense negatives, and a model that cannot rank a corpus.

        Args:
            context: the job.

        Raises:
            WrankError: what does not fit.
        """
        check_kind(context, self.name)
        negatives = plain(context.cfg, "data.lists.negatives")
        if negatives != "dense":
            raise WrankError(
                f"rounds=refresh refreshes dense negatives, but data.lists.negatives={negatives}: set "
                "data.lists.negatives=dense, or rounds=none"
            )
        steps = plain(context.cfg, "trainer.max_steps")
        if self.epochs is None and isinstance(steps, int) and steps < self.count:
            raise WrankError(_too_few(steps, self.count))

    def first(self, context: Context) -> Context:
        """The job with the trainer's length as ``epochs`` says."""
        if self.epochs is None:
            return context
        length = {"trainer.max_epochs": self.count * self.epochs, "trainer.max_steps": None}
        return with_choices(context, length, {})

    def train(self, context: Context, plan: Plan, tracker: Tracker, generated: Artifact | None = None) -> Trained:
        """Trains round after round, each with the ranking of the one before.

        Args:
            context: the job.
            plan: of the whole training, with the first round's candidates.
            tracker: gets one run over all rounds.
            generated: passages written for the training queries, or None.

        Raises:
            WrankError: fewer optimizer steps than rounds, or lists that are full without negatives.
        """
        context = self.first(context)
        if self.count == 1:
            return Trained(train(context, plan, tracker), plan)
        sampler = sampler_of(context, plan)
        total = plan.settings.steps(len(sampler))
        if total < self.count:
            raise WrankError(_too_few(total, self.count))
        if not any("dense" in sampler.sample(0, index).sources for index in range(min(len(sampler), _LOOKED_AT))):
            raise WrankError(
                f"rounds=refresh, but no list has a negative: data.lists.size={sampler.size} and data.lists.judged="
                f"{sampler.judged} leave no place for one; lower data.lists.judged, or raise data.lists.size"
            )
        facts = {"name": self.name, "count": self.count, "optimizer": self.optimizer}
        whole = as_whole(plan, facts)
        tracker, previous = OneRun(tracker, context, whole.stage), None
        for number in range(1, self.count + 1):
            title = f"round {number} of {self.count}"
            stop = None if number == self.count else round(total * number / self.count)
            note(f"{title}: " + (f"to step {stop} of {total}" if stop else f"to the last step, {total}"))
            one = whole if previous is None else self._further(context, whole, number, previous, generated)
            one = _named(one, number, whole)
            part = dataclasses.replace(one.part, title=f"training, {title}", stop=stop)
            previous = train(context, dataclasses.replace(one, part=part), tracker)
            if previous.manifest["result"]["stopped_early"]:
                note(f"{title}: stopped early (trainer.patience), so no further round")
                break
        assert previous is not None
        return Trained(previous, whole)

    def _further(
        self, context: Context, whole: Plan, number: int, previous: Artifact, generated: Artifact | None
    ) -> Plan:
        """The plan of a further round: candidates (and a teacher's scores of them, where the loss needs it) are new."""
        name = f"{run_name(context)}-r{number - 1}"

        def ranking(collection: Collection, depth: int) -> Found:
            return find_candidates(context, collection, _weights_of(context, previous), depth, name)

        plan = plan_training(context, generated, ranking)
        stage = dataclasses.replace(plan.stage, inputs={**plan.stage.inputs, "previous": previous.content_key})
        part = dataclasses.replace(plan.part, previous=previous.path, fresh_optimizer=self.optimizer == "fresh")
        return dataclasses.replace(plan, stage=stage, part=part, dev_candidates=whole.candidates)


def _named(plan: Plan, number: int, whole: Plan) -> Plan:
    """A round's plan with its number in name and key."""
    facts = {**whole.stage.config["rounds"], "round": number}
    stage = dataclasses.replace(
        plan.stage, name=f"{plan.stage.name}-r{number}", config={**plan.stage.config, "rounds": facts}
    )
    return dataclasses.replace(plan, stage=stage)


def _weights_of(context: Context, artifact: Artifact) -> BiEncoder:
    """The weights at a round's end, on the device."""
    model = BiEncoder(
        path=str(artifact.path / "last"), trust_remote_code=bool(context.cfg.model.get("trust_remote_code", False))
    )
    model.to(context.device)
    return model


def _too_few(steps: int, count: int) -> str:
    return f"rounds.count={count}, but the training has {steps} optimizer steps: raise trainer.max_epochs or max_steps"
