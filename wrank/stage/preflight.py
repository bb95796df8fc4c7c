"""What would make a job fail, found before it is queued: the checks that it would make itself, in its own words.

The jobs of one sweep share what they have in common: a collection is read and a model looked for once a process.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf

from wrank.config import build, option_node, options, plain
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.model.size import ModelSize, model_size
from wrank.stage.context import Context
from wrank.stage.generation import GenerationPlan, plan_generation
from wrank.stage.given import given_path
from wrank.stage.model import checked_settings
from wrank.stage.needs import check_needs
from wrank.stage.rounds import checked_rounds
from wrank.stage.system.choose import named_system
from wrank.stage.test_set import TestSet, test_sets
from wrank.stage.training_data import TrainingData, training_data
from wrank.store import Artifact
from wrank.training.settings import TrainerSettings

Value = TypeVar("Value")
_GIVEN = {"data.scores": "scores", "data.preferences": "scores", "data.paraphrases": "generation"}
_shared: dict[str, Any] = {}


def forget() -> None:
    """Forgets what jobs share; for a process in which data, models or the store change meanwhile."""
    _shared.clear()


class Preflight:
    """One job, looked through.

    Args:
        context: the job, of any verb.
        elsewhere: it will run on another machine: what this one lacks is no fault.

    Attributes:
        problems: what would make it fail.
        size: of the model; None = not known here.
        settings: the trainer's keys; None = it does not train, or they are refused.
        writing: what a language model is to write; None = nothing.
        written: the same, where it is finished.
        tests: what is evaluated.
        steps: optimizer steps, of all rounds; None = not known.
    """

    def __init__(self, context: Context, elsewhere: bool) -> None:
        self.context, self.cfg, self.elsewhere = context, context.cfg, elsewhere
        self.problems: list[str] = []
        self.size: ModelSize | None = None
        self.settings: TrainerSettings | None = None
        self.writing: GenerationPlan | None = None
        self.written: Artifact | None = None
        self.tests: list[TestSet] = []
        self.steps: int | None = None
        self._trainings = 1
        self._look()

    @property
    def trains(self) -> bool:
        """Whether the verb trains."""
        return "loss" in self.cfg and "trainer" in self.cfg

    @property
    def evaluates(self) -> bool:
        """Whether the verb evaluates on test sets."""
        return "baselines" in self.cfg

    def _look(self) -> None:
        self._tried(self._share_collections)
        if "logger" in self.cfg:
            self._tried(lambda: build(self.cfg, "logger"))
        if "model" in self.cfg:
            self.size = self._tried(lambda: self._sized(self.cfg.model))
        self._other_models()
        if self.trains:
            self._tried(self._set)
        if self.evaluates:
            self._tried(self._test)
        if self.context.generates is not None:
            self._tried(self._write)
        if self.trains:
            self._tried(self._draw)

    def _tried(self, step: Callable[[], Value]) -> Value | None:
        """What a step gives; None, with the problem noted, where it refuses."""
        try:
            return step()
        except WrankError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return None

    def _share_collections(self) -> None:
        if OmegaConf.select(self.cfg, "data.source") is not None:
            self.context._collections = self._once("collections", ["data.source", "paths.tables"], dict)

    def _once(self, what: str, parts: list[str], make: Callable[[], Value]) -> Value:
        """What jobs have in common that agree in these parts of their configurations."""
        nodes = {part: plain(self.cfg, part) for part in [*parts, "paths.store"]}
        return _remembered(f"{what} {json.dumps(nodes, sort_keys=True, default=str)}", make)

    def _sized(self, node: Mapping[str, Any]) -> ModelSize | None:
        """The model's size; None where its files are not here yet."""
        path, revision = node.get("path"), node.get("revision")
        source = None if path is not None else node.get("source")
        models = OmegaConf.select(self.cfg, "paths.models")
        return _remembered(
            f"model {source} {path} {revision} {models}",
            lambda: model_size(source, path, revision=revision, models=models),
        )

    def _other_models(self) -> None:
        """Whether baselines, an encoder as a teacher, and given files can be had."""
        for word in map(str, self.cfg.get("baselines", [])):
            self._tried(lambda word=word: self._baseline(word))  # type: ignore[misc]
        teacher = self.cfg.get("teacher")
        if teacher is not None and "engine" not in teacher:
            node = {"source": teacher.get("model"), **{str(key): teacher.get(key) for key in teacher}}
            self._tried(lambda: self._sized(node))
        for key, kind in _GIVEN.items():
            self._tried(lambda key=key, kind=kind: given_path(self.context, key, kind, "wrank score"))  # type: ignore[misc]

    def _baseline(self, word: str) -> None:
        if word in options("model") and word != "path":
            self._sized(option_node("model", word))
        elif Path(word).expanduser().is_dir():
            self._sized({"path": word})
        else:
            named_system(self.context, word, 1, "baselines")

    def _set(self) -> None:
        rounds = checked_rounds(self.context)
        if rounds.name == "self_training":  # a student a round, and where labels teach first, that teacher
            self._trainings = int(self.cfg.rounds.count) + (self.cfg.rounds.warm == "labels")
        first = rounds.first(self.context)
        self.settings = build(first.cfg, "trainer")
        checked_settings(first, elsewhere=self.elsewhere)

    def _test(self) -> None:
        parts = ["data", "evaluation", "paths.tables"]
        self.tests = self._once("tests", parts, lambda: test_sets(self.context))
        self.context.evaluated = [test.collection for test in self.tests]

    def _write(self) -> None:
        self.writing = plan_generation(self.context)
        self.written = self.context.store.find(self.writing.stage)

    def _draw(self) -> None:
        """Reads the training queries as the training would; of passages yet to be written only how many there are."""
        if self.context.generates is None:
            parts = ["data", "max_queries", "synthetic", *(["evaluation"] if self.evaluates else [])]
            by_seed = self.cfg.max_queries is not None or OmegaConf.select(self.cfg, "data.mix") is not None
            parts += ["seed"] if by_seed else []
            queries = self._drawn(self._once("lists", parts, lambda: training_data(self.context, None)))
        elif self.writing is None:  # refused above
            return
        elif self.written is not None:
            queries = self._drawn(training_data(self.context, self.written))
        else:
            queries = self._to_come(self.writing)
        if self.settings is not None:
            self.steps = self.settings.steps(queries) * self._trainings

    def _drawn(self, data: TrainingData) -> int:
        """How many queries have a list, once what the lists are drawn by, and what the loss needs, is checked."""
        negatives = plain(self.cfg, "data.lists.negatives")
        lists = build(self.cfg, "data.lists")(
            data.collection,
            seed=int(self.cfg.seed),
            query_ids=data.train_ids,
            negatives="random" if negatives == "dense" else negatives,
        )
        loss: Loss = build(self.cfg, "loss")
        if self.settings is not None and not loss.needs & {"teacher", "pairs", "paraphrases"}:
            others = self.settings.in_batch != "none" or negatives != "none"
            check_needs(loss, data.collection, self.context.choices.get("loss", "loss"), others)
        return len(lists)

    def _to_come(self, writing: GenerationPlan) -> int:
        """Training queries once a generation is done: those it writes for, and the real ones where they stay."""
        count = len(writing.items)
        if writing.recipe.writes == "passage" and self.cfg.get("synthetic") != "only":
            split = self.context.train_split
            if self.context.source.has_split(split):
                count = max(count, len(self.context.collection(split).qrels))
        limit = self.cfg.max_queries
        return count if limit is None else min(count, int(limit))


def _remembered(key: str, make: Callable[[], Value]) -> Value:
    """What was made under this key, or is made now; a refusal is remembered, too."""
    if key not in _shared:
        try:
            _shared[key] = make()
        except WrankError as error:
            _shared[key] = error
    if isinstance(_shared[key], WrankError):
        raise _shared[key]
    found: Value = _shared[key]
    return found
