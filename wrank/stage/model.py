"""Stage ``model``: one training, from graded lists to ``best/`` and ``last/``."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.config import build, plain
from wrank.data.collection import Collection
from wrank.data.lists import ListSampler
from wrank.data.split import split_queries
from wrank.errors import WrankError
from wrank.evaluation.dev import DevSet, make_dev_set
from wrank.stage.candidates import find_candidates
from wrank.stage.context import Context
from wrank.stage.identity import identity, run_name
from wrank.store import Artifact, Stage
from wrank.tracking.base import Tracker
from wrank.tracking.progress import console
from wrank.training.callback.progress import TrainingLines, TrainingProgress
from wrank.training.fit import Training, fit
from wrank.training.module import Card, check_in_batch
from wrank.training.settings import TrainerSettings


@dataclass(frozen=True)
class Plan:
    """A training, checked and keyed, but not begun.

    Attributes:
        stage: its key and folder.
        train_ids: queries that are trained on.
        dev_ids: queries that steer.
        dev_collection: where the dev queries' judgements are.
        candidates: query id -> the base's ranking, when negatives are dense.
        settings: the trainer's keys.
    """

    stage: Stage
    train_ids: Sequence[str]
    dev_ids: Sequence[str]
    dev_collection: Collection
    candidates: dict[str, list[str]] | None
    settings: TrainerSettings


def checked_settings(context: Context) -> TrainerSettings:
    """The trainer's keys, checked against the loss and the machine.

    Raises:
        WrankError: a value out of range, no GPU, an ``in_batch`` that the loss cannot work with.
    """
    settings: TrainerSettings = build(context.cfg, "trainer")
    settings.uses_gpu()
    check_in_batch(build(context.cfg, "loss"), settings.in_batch)
    return settings


def plan_training(context: Context) -> Plan:
    """Reads and checks everything a training needs, finds the negatives' candidates, and works out its key.

    Raises:
        WrankError: bad input of any kind, before anything is trained.
    """
    settings = checked_settings(context)
    collection = context.collection(context.train_split)
    train_ids, dev_ids, dev_collection = _queries(context, collection)
    lists = _lists_identity(context)
    inputs = {"collection": collection.fingerprint, "model": context.base.fingerprint()}
    if dev_collection is not collection:
        inputs["dev"] = dev_collection.fingerprint
    candidates = None
    if lists["negatives"] == "dense":
        _sampler(context, collection, train_ids, negatives="random")  # checks the other keys before any encoding
        artifact, candidates = find_candidates(context, collection, context.base, int(lists["window"][1]))
        inputs["candidates"] = artifact.content_key
    else:
        _sampler(context, collection, train_ids)  # checks its keys
    stage = Stage(
        kind="model",
        name=run_name(context),
        config={
            "lists": lists,
            "dev": {"split": plain(context.cfg, "data.dev_split"), "share": plain(context.cfg, "data.dev_share")},
            "max_queries": plain(context.cfg, "max_queries"),
            "loss": plain(context.cfg, "loss"),
            "model": context.model_identity,
            "trainer": settings.identity(),
            "precision": context.settings.precision,  # of the dev scores; the candidates' is in their own key
            "drop_self": context.settings.drop_self,
            "seed": int(context.cfg.seed),
        },
        inputs=inputs,
        seeds={"seed": int(context.cfg.seed)},
        details={"collection": collection.name, "choices": context.choices, "study": str(context.cfg.study)},
    )
    return Plan(stage, train_ids, dev_ids, dev_collection, candidates, settings)


def train(context: Context, plan: Plan, tracker: Tracker) -> Artifact:
    """Trains, or finds that it was done. The tracker's run is open afterwards when something was trained."""

    def work(folder: Path) -> dict[str, Any]:
        tracker.start(identity(context, plan.stage, "train"))
        collection = context.collection(context.train_split)
        training = Training(
            model=context.fresh_model(),
            loss=build(context.cfg, "loss"),
            sampler=_sampler(context, collection, plan.train_ids, candidates=plan.candidates),
            known=collection.known_keys,
            settings=plan.settings,
            seed=int(context.cfg.seed),
            dev=_dev_set(context, plan),
            dev_name=collection.name,
            card=_card(context, plan),
            loggers=tracker.lightning_loggers(),
            callbacks=[TrainingProgress(console_kwargs={"stderr": True}) if console.is_terminal else TrainingLines()],
        )
        facts = {
            "train_queries": len(training.sampler),
            "dev_queries": len(plan.dev_ids),
            "skipped": training.sampler.skipped,
        }
        return facts | fit(training, folder)

    return context.do(plan.stage, work)


def _queries(context: Context, collection: Collection) -> tuple[Sequence[str], Sequence[str], Collection]:
    dev_split = plain(context.cfg, "data.dev_split")
    share = float(plain(context.cfg, "data.dev_share"))
    seed = 0  # the dev queries are the same for every seed of a study, so that its runs steer by one measure
    if dev_split:
        dev = context.collection(str(dev_split))
        train_ids, dev_ids = sorted(collection.qrels), sorted(dev.qrels)
        shared = sorted(set(train_ids) & set(dev_ids))
        if shared:
            raise WrankError(
                f"data.dev_split={dev_split} and data.train_split share {len(shared)} queries, e.g. {shared[0]!r}"
            )
    else:
        dev = collection
        train_ids, dev_ids = split_queries(sorted(collection.qrels), share, seed)
    limit = plain(context.cfg, "max_queries")
    if limit is not None and limit < len(train_ids):
        _, train_ids = split_queries(train_ids, limit / len(train_ids), int(context.cfg.seed))
    return train_ids, dev_ids, dev


def _lists_identity(context: Context) -> dict[str, Any]:
    node = plain(context.cfg, "data.lists")
    lists = {key: value for key, value in node.items() if not key.startswith("_")}
    if lists.get("negatives") != "dense":
        lists.pop("window", None)
    return lists


def _sampler(context: Context, collection: Collection, query_ids: Sequence[str], **named: Any) -> ListSampler:
    make: Callable[..., ListSampler] = build(context.cfg, "data.lists")
    return make(collection, seed=int(context.cfg.seed), query_ids=query_ids, **named)


def _dev_set(context: Context, plan: Plan) -> DevSet | None:
    if not plan.dev_ids:
        return None
    candidates = plan.candidates or {}
    rank = functools.partial(_candidates_of, candidates) if candidates else None
    return make_dev_set(
        plan.dev_collection, plan.dev_ids, context.settings, size=plan.settings.dev_passages, seed=0, rank=rank
    )


def _candidates_of(candidates: dict[str, list[str]], query_id: str) -> list[str]:
    return candidates.get(query_id, [])


def _card(context: Context, plan: Plan) -> Card:
    facts = {
        "collection": plan.stage.details["collection"],
        "loss": context.choices.get("loss", ""),
        "training queries": str(len(plan.train_ids)),
        "seed": str(context.cfg.seed),
        **{f"loss.{key}": str(value) for key, value in plain(context.cfg, "loss").items() if key != "_target_"},
        **{f"trainer.{key}": str(value) for key, value in plan.settings.identity().items()},
        "wrank key": plan.stage.key,
    }
    return Card(base=context.base.source, facts=facts)
