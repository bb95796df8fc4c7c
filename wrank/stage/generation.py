"""Stage ``generation``: graded texts written by a language model, kept as a BEIR folder."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.config import build, plain
from wrank.errors import WrankError
from wrank.generator.base import Recipe
from wrank.generator.engine.base import Engine
from wrank.generator.engine.probe import probe
from wrank.generator.estimate import PROBE_ITEMS, Estimate, estimate
from wrank.generator.gate import Gate
from wrank.generator.outcome import Outcome
from wrank.generator.output import write_collection
from wrank.generator.pipeline import is_written, write
from wrank.generator.state import MOST_ATTEMPTS
from wrank.records import Passage
from wrank.stage.audit import audit_facts, audit_generation, audit_settings, check_judge
from wrank.stage.context import Context
from wrank.stage.items import TableItems, find_items
from wrank.store import Artifact, Stage
from wrank.tracking.progress import generation_bar, note


@dataclass(frozen=True)
class GenerationPlan:
    """A generation, checked and keyed, but not begun.

    Attributes:
        stage: its key and folder.
        recipe: what is asked.
        engine: who is asked; not started.
        items: what is written for.
        gate: what a written text must not be.
        attempts: how often one request is asked at the most.
    """

    stage: Stage
    recipe: Recipe
    engine: Engine
    items: TableItems
    gate: Gate
    attempts: int


def plan_generation(context: Context) -> GenerationPlan:
    """Reads and checks everything a generation needs, and works out its key; no model is loaded.

    Raises:
        WrankError: bad input of any kind.
    """
    recipe: Recipe = build(context.cfg, "generator.recipe")
    engine: Engine = build(context.cfg, "generator.engine")
    gate: Gate = build(context.cfg, "generator.gate")
    attempts = plain(context.cfg, "generator.attempts")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= MOST_ATTEMPTS:
        raise WrankError(f"generator.attempts={attempts}: wanted a whole number from 1 to {MOST_ATTEMPTS}")
    audit_settings(context)  # this and the judge are needed at the end: wrong ones are told now
    check_judge(context)
    items = find_items(context, recipe)
    inputs = {"items": items.content_key()}
    if recipe.name == "paraphrase":
        inputs["judgements"] = context.collection(context.train_split).fingerprint
    model = Path(engine.model).name.removeprefix("bundled:")
    stage = Stage(
        kind="generation",
        name=str(context.cfg.name or f"{context.source.name}-{context.generates}-{model}"),
        config={
            "recipe": recipe.identity(),
            "engine": engine.identity(),
            "gate": dataclasses.asdict(gate),
            "attempts": attempts,
        },
        inputs=inputs,
        seeds={"seed": int(plain(context.cfg, "generator.seed"))},
        details={
            "collection": context.source.name,
            "items": len(items),
            "choices": context.choices,
            "study": str(context.cfg.study),
        },
    )
    return GenerationPlan(stage, recipe, engine, items, gate, attempts)


def generate(context: Context, plan: GenerationPlan, begin: Callable[[], None] = lambda: None) -> Artifact:
    """Writes, or finds that it was done.

    Args:
        context: the job.
        plan: what to write.
        begin: called when there is work to do, before it.

    Raises:
        WrankError: no engine, a schema that is not obeyed, nothing usable written, or what the audit refuses.
    """

    def work(folder: Path) -> dict[str, Any]:
        begin()
        if is_written(folder):  # an earlier try was killed during the audit
            outcome = _write(plan, folder)
        else:
            context.free_device()
            with plan.engine as engine:
                note(f"generation: {engine.name} is ready: {engine.model}")
                probe(engine)
                outcome = _write(plan, folder)
        counts = write_collection(folder, plan.recipe, plan.items, outcome, judged=_judged(context, plan.recipe))
        report = audit_generation(context, folder, plan.stage.name)
        audited = audit_facts(context) | {"failures": report.failures()}
        return {"outcome": outcome.as_json(), "collection": counts, "audit": audited}

    return context.do(plan.stage, work)


def estimate_generation(plan: GenerationPlan) -> Estimate:
    """What a generation would take, from a few of its items; keeps nothing.

    Raises:
        WrankError: no engine, a schema that is not obeyed, or a probe of which nothing can be used.
    """
    with plan.engine as engine:
        probe(engine)
        count = min(PROBE_ITEMS, len(plan.items))
        with generation_bar(count * plan.recipe.slots) as advance:
            return estimate(plan.recipe, engine, plan.items, attempts=plan.attempts, gate=plan.gate, progress=advance)


def _write(plan: GenerationPlan, folder: Path) -> Outcome:
    with generation_bar(len(plan.items) * plan.recipe.slots) as advance:
        return write(
            plan.recipe, plan.engine, plan.items, folder, attempts=plan.attempts, gate=plan.gate, progress=advance
        )


def _judged(context: Context, recipe: Recipe) -> Callable[[str], Iterable[tuple[Passage, float]]] | None:
    """For paraphrases: the judgements of the query that was paraphrased."""
    if recipe.writes != "query" or recipe.starts_from == "passage":
        return None
    collection = context.collection(context.train_split)

    def judgements(query_id: str) -> Iterator[tuple[Passage, float]]:
        for passage_id, grade in collection.qrels.get(query_id, {}).items():
            yield Passage(passage_id, collection.passages.text(collection.passages.row(passage_id))), grade

    return judgements
