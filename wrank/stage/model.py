"""Stage ``model``: one training, from graded lists to ``best/`` and ``last/``."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from wrank.config import build, plain
from wrank.data.collection import Collection
from wrank.data.lists import ListSampler
from wrank.data.supplement import Supplement
from wrank.data.table_base import Table
from wrank.evaluation.dev import DevSet, make_dev_set
from wrank.evaluation.dev_rerank import RerankDevSet
from wrank.loss.base import Loss
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.context import Context, log
from wrank.stage.first_stage import Found, candidates_of
from wrank.stage.identity import identity, run_name
from wrank.stage.kind import dev_candidates, rerank_dev_set, trains_reranker
from wrank.stage.needs import check_needs, check_sources
from wrank.stage.ranks import do_together
from wrank.stage.supplement import supply
from wrank.stage.tracked import tell_trained, tell_used
from wrank.stage.training_data import TrainingData, check_written, training_data
from wrank.stage.trial import report_of
from wrank.store import Artifact, Stage
from wrank.tracking.base import Tracker
from wrank.tracking.progress import console
from wrank.training.base import Card, check_in_batch
from wrank.training.callback.progress import TrainingLines, TrainingProgress, TrainingReport
from wrank.training.compute import check_compiler
from wrank.training.cross_module import check_cross
from wrank.training.fit import Training, fit
from wrank.training.kind import check_trainable
from wrank.training.launch import check_launch, is_first
from wrank.training.part import Part
from wrank.training.settings import TrainerSettings
from wrank.training.strategy import check_strategy
from wrank.training.temperature import OF_MODEL, check_courses, read_courses


@dataclass(frozen=True)
class Plan:
    """A training, checked and keyed, but not begun.

    Attributes:
        stage: its key and folder.
        data: what is trained on, and what steers.
        candidates: query id -> the base's ranking, when negatives are dense.
        settings: the trainer's keys.
        part: which round of a training in several this is; by default the only one.
        dev_candidates: the rankings that the dev queries' passages come from, where they are not `candidates`: the
            same in every round, so that their scores can be compared.
        supplement: what the lists get that the loss needs: a teacher's scores and preferences, paraphrases.
    """

    stage: Stage
    data: TrainingData
    candidates: dict[str, list[str]] | None
    settings: TrainerSettings
    part: Part = dataclasses.field(default_factory=Part)
    dev_candidates: dict[str, list[str]] | None = None
    supplement: Supplement = dataclasses.field(default_factory=Supplement)


def checked_settings(context: Context, elsewhere: bool = False) -> TrainerSettings:
    """The trainer's keys, checked against the loss and the machine.

    Args:
        context: the job.
        elsewhere: it will run on another machine: what this one lacks is no fault.

    Raises:
        WrankError: a value out of range, no GPU, a model that cannot be trained so, an ``in_batch`` that the loss
            cannot work with, a temperature that cannot move, what does not go with written passages.
    """
    settings: TrainerSettings = build(context.cfg, "trainer")
    _check_model(context, settings)
    if not elsewhere:
        settings.uses_gpu()
        check_launch(settings)
        check_compiler(settings)
    loss: Loss = build(context.cfg, "loss")
    if trains_reranker(context):
        check_cross(loss, settings.in_batch)
    check_in_batch(loss, settings.in_batch)
    check_sources(context, loss)
    check_written(context, context.generates is not None)
    courses = read_courses(settings.temperatures)
    check_courses(courses, loss, _learns_temperature(context, OF_MODEL in courses))
    return settings


def _adapter(context: Context, settings: TrainerSettings) -> dict[str, str]:
    """That an adapter beside bfloat16 weights is float32, which it was not always."""
    rounded = settings.precision == "bf16-true" and OmegaConf.select(context.cfg, "model.lora") is not None
    return {"adapter": "float32"} if rounded else {}


def _check_model(context: Context, settings: TrainerSettings) -> None:
    """Refuses a model that these settings cannot train, from the configuration alone."""
    kind = CrossEncoder if trains_reranker(context) else BiEncoder
    lora = context.cfg.model.get("lora")
    check_trainable(context.cfg.model.get("quantize"), lora)
    check_strategy(settings, kind, frozen=lora is not None, rounds=False)


def _learns_temperature(context: Context, asked: bool) -> bool | None:
    """Whether the model learns its temperature, as its folder may say; None = it has none. Loads it where asked."""
    if trains_reranker(context):
        return None
    return asked and context.encoder.settings.learn_temperature


def plan_training(
    context: Context, generated: Artifact | None = None, ranking: Callable[[Collection, int], Found] | None = None
) -> Plan:
    """Reads and checks everything a training needs, finds the negatives' candidates, and works out its key.

    Args:
        context: the job.
        generated: passages written for the training queries, or None.
        ranking: makes the ranking of a collection, to a depth, that dense negatives come from; None = the base's.

    Raises:
        WrankError: bad input of any kind, before anything is trained.
    """
    settings = checked_settings(context)
    data = training_data(context, generated)
    collection, train_ids = data.collection, data.train_ids
    others = settings.in_batch != "none" or _lists_identity(context)["negatives"] != "none"
    lists = _lists_identity(context)
    inputs = {"collection": collection.fingerprint, "model": context.base.fingerprint()}
    if data.dev is not collection:
        inputs["dev"] = data.dev.fingerprint
    candidates = None
    if lists["negatives"] == "dense":
        # checks the other keys before any encoding
        _tell_unreached(_sampler(context, collection, train_ids, negatives="random"), settings)
        ranking = ranking or functools.partial(candidates_of, context)
        artifact, candidates = ranking(collection, int(lists["window"][1]))
        inputs["candidates"] = artifact.content_key
    else:
        _tell_unreached(_sampler(context, collection, train_ids), settings)  # checks its keys
    loss: Loss = build(context.cfg, "loss")
    drawn = functools.partial(_sampler, context, collection, train_ids, candidates=candidates)
    supplied = supply(context, data, loss, generated, drawn)
    check_needs(loss, collection, context.choices.get("loss", "loss"), others, supplied.supplement)
    if trains_reranker(context) and data.dev_ids:
        inputs["dev_candidates"] = dev_candidates(context, data.dev)[0].content_key
    stage = Stage(
        kind="model",
        name=run_name(context),
        config={
            "lists": lists | supplied.lists,
            "augment": _augment_identity(context),
            "dev": {"split": plain(context.cfg, "data.dev_split"), "share": plain(context.cfg, "data.dev_share")},
            "max_queries": plain(context.cfg, "max_queries"),
            "loss": plain(context.cfg, "loss"),
            "model": context.model_identity | _adapter(context, settings),
            "trainer": settings.identity(),
            "precision": context.settings.precision,  # of the dev scores; the candidates' is in their own key
            "drop_self": context.settings.drop_self,
            "seed": int(context.cfg.seed),
        },
        inputs=inputs | supplied.inputs,
        seeds={"seed": int(context.cfg.seed)},
        details={
            "collection": collection.name,
            "generation": None if generated is None else generated.path.name,
            "choices": context.choices,
            "study": str(context.cfg.study),
            "tags": list(map(str, context.cfg.tags)),
        },
    )
    return Plan(stage, data, candidates, settings, supplement=supplied.supplement)


def train(context: Context, plan: Plan, tracker: Tracker) -> Artifact:
    """Trains, or finds that it was done. The tracker's run is open afterwards when something was trained."""
    tracker = tracker if is_first(plan.settings) else Tracker()

    def work(folder: Path) -> dict[str, Any]:
        tracker.start(identity(context, plan.stage, "train"))
        collection = plan.data.collection
        tell_used(tracker, context, plan.stage, collection)
        training = Training(
            model=context.fresh_model(),
            loss=build(context.cfg, "loss"),
            sampler=sampler_of(context, plan),
            known=collection.known_keys,
            settings=plan.settings,
            seed=int(context.cfg.seed),
            dev=_dev_set(context, plan),
            dev_name=collection.name,
            card=_card(context, plan),
            loggers=tracker.lightning_loggers(),
            callbacks=[_progress(plan.part.title), TrainingReport(plan.part.title)],
            part=plan.part,
            prune=report_of(context, len(plan.data.dev_ids)) if plan.part == Part() else None,
        )
        facts: dict[str, Any] = {
            "train_queries": len(training.sampler),
            "dev_queries": len(plan.data.dev_ids),
            "skipped": training.sampler.skipped,
        }
        if collection.mixed is not None and collection.mixed.doubts:
            facts["doubts"] = list(collection.mixed.doubts)
        return facts | fit(training, folder)

    artifact = do_together(context, plan.stage, work, plan.settings)
    if not artifact.was_finished:
        tell_trained(tracker, artifact)
    return artifact


def sampler_of(context: Context, plan: Plan) -> ListSampler:
    """What a plan's training draws its lists from."""
    named = {"candidates": plan.candidates, "supplement": plan.supplement}
    return _sampler(context, plan.data.collection, plan.data.train_ids, **named)


def _progress(title: str) -> TrainingProgress | TrainingLines:
    return TrainingProgress(title) if console.is_terminal else TrainingLines(title=title)


def _lists_identity(context: Context) -> dict[str, Any]:
    node = plain(context.cfg, "data.lists")
    lists = {key: value for key, value in node.items() if not key.startswith("_")}
    lists.pop("paraphrases", None)  # in the key where the loss needs them
    if lists.get("negatives") != "dense":
        lists.pop("window", None)
    return lists


def _augment_identity(context: Context) -> Any:
    return None if OmegaConf.select(context.cfg, "data.augment") is None else plain(context.cfg, "data.augment")


def _sampler(context: Context, collection: Collection, query_ids: Sequence[str], **named: Any) -> ListSampler:
    make: Callable[..., ListSampler] = build(context.cfg, "data.lists")
    augment = None if _augment_identity(context) is None else build(context.cfg, "data.augment")
    return make(collection, seed=int(context.cfg.seed), query_ids=query_ids, augment=augment, **named)


def _tell_unreached(sampler: ListSampler, settings: TrainerSettings) -> None:
    """Tells of each stage of a mix's schedule that begins after the training's last epoch."""
    schedule = None if sampler.collection.mixed is None else sampler.collection.mixed.schedule
    if schedule is None:
        return
    epochs = math.ceil(settings.steps(len(sampler)) * settings.queries_a_step / len(sampler))
    if settings.max_steps is None:
        epochs = min(epochs, math.ceil(settings.max_epochs))  # whole steps may end a few lists into another one
    for number in schedule.unreached(epochs):
        log.warning(
            "data.mix.schedule.stages.%d begins at epoch %d, but the training ends with epoch %d (counted from 0): "
            "raise trainer.max_epochs, or let the stage begin earlier",
            *(number, schedule.stages[number].epoch, epochs - 1),
        )


def _dev_set(context: Context, plan: Plan) -> DevSet | RerankDevSet | None:
    if not plan.data.dev_ids:
        return None
    if trains_reranker(context):
        return rerank_dev_set(context, plan.data.dev, plan.data.dev_ids)
    candidates = plan.dev_candidates or plan.candidates or {}
    rank = functools.partial(_candidates_of, candidates, plan.data.dev.passages) if candidates else None
    return make_dev_set(
        plan.data.dev, plan.data.dev_ids, context.settings, size=plan.settings.dev_passages, seed=0, rank=rank
    )


def _candidates_of(candidates: dict[str, list[str]], real: Table, query_id: str) -> list[str]:
    """A query's ranking without generated passages, which the dev queries' collection does not hold."""
    return [id for id in candidates.get(query_id, []) if id in real]


def _card(context: Context, plan: Plan) -> Card:
    facts = {
        "collection": plan.stage.details["collection"],
        "loss": context.choices.get("loss", ""),
        "training queries": str(len(plan.data.train_ids)),
        "seed": str(context.cfg.seed),
        **{f"loss.{key}": str(value) for key, value in plain(context.cfg, "loss").items() if key != "_target_"},
        **{f"trainer.{key}": str(value) for key, value in plan.settings.identity().items()},
        "wrank key": plan.stage.key,
    }
    return Card(base=context.base.source, facts=facts)
