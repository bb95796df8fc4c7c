"""Stage ``scores``: a teacher's scores of a training split's lists, and preferences between their passages."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from wrank.config import build, plain
from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.files import short
from wrank.stage.context import Context
from wrank.stage.training_data import mixed_collection
from wrank.store import Artifact, Stage
from wrank.teacher.base import Pairwise, Teacher
from wrank.teacher.output import PREFERENCES, write_preferences, write_scores
from wrank.teacher.pairs import PAIRS, PairList, find_pairs_file, gather, pairs_key
from wrank.teacher.pairwise import Preferences
from wrank.teacher.run import Scored, comparison_count, run, summary
from wrank.tracking.progress import note, progress_bar

_CHUNK = 1024  # pairs kept at once, of a training's scores
_LISTS, _PASSAGES = 3, 8  # shown as examples; of a list the passages with the highest grades


@dataclass(frozen=True)
class ScoringPlan:
    """A scoring, checked and keyed, but not begun.

    Attributes:
        stage: its key and folder.
        teacher: who is asked; not started.
        preferences: which pairs of passages are compared.
        pairs: what is scored.
        chunk: marks a durable chunk.
    """

    stage: Stage
    teacher: Teacher
    preferences: Preferences
    pairs: PairList
    chunk: int


def plan_scoring(context: Context) -> ScoringPlan:
    """Reads and checks everything a scoring needs, and works out its key.

    Raises:
        WrankError: bad input of any kind.
    """
    teacher, preferences = teacher_of(context)
    chunk = plain(context.cfg, "chunk")
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise WrankError(f"chunk={chunk}: wanted a whole number from 1 up")
    split = str(plain(context.cfg, "split") or context.train_split)
    given = plain(context.cfg, "pairs")
    path = None if given is None else find_pairs_file(str(given))
    mixing = OmegaConf.select(context.cfg, "data.mix") is not None
    if mixing and plain(context.cfg, "split") is not None:
        raise WrankError("split with data.mix: its parts say which splits are theirs; leave split out")
    collection = mixed_collection(context) if mixing else context.collection(split)
    pairs = gather(collection, path)
    stage = Stage(
        kind="scores",
        name=str(context.cfg.name or f"{collection.name}-{split}-{teacher.title()}"),
        config={"teacher": teacher.identity(), "preferences": preferences.identity()},
        inputs={"collection": collection.fingerprint} | ({"pairs": pairs_key(path)} if path else {}),
        seeds={"preferences": preferences.seed},
        details={"collection": collection.name, "split": split, "choices": context.choices},
    )
    return ScoringPlan(stage, teacher, preferences, pairs, chunk)


def teacher_of(context: Context) -> tuple[Teacher, Preferences]:
    """The chosen teacher, not started, and which pairs of passages are compared.

    Raises:
        WrankError: a value out of its range, or a teacher of pairs with no pair to compare.
    """
    teacher: Teacher = build(context.cfg, "teacher")
    preferences: Preferences = build(context.cfg, "preferences")
    if isinstance(teacher, Pairwise) and preferences.pairs is None:
        raise WrankError(
            f"teacher={teacher.name} is asked about pairs of passages: choose them with preferences.pairs=all, "
            "adjacent or a number"
        )
    return teacher, preferences


def plan_training_scores(
    context: Context, collection: Collection, negatives: tuple[np.ndarray, np.ndarray] | None
) -> ScoringPlan:
    """The scoring that a training asks for: of its lists' judged pairs, and of negatives.

    Args:
        context: the job.
        collection: with the judgements of the training queries.
        negatives: rows of queries and of passages, or None.

    Raises:
        WrankError: bad input of any kind.
    """
    teacher, preferences = teacher_of(context)
    inputs = {"collection": collection.fingerprint}
    if negatives is not None:
        inputs["pairs"] = hashlib.sha256(b"".join(rows.astype("<i8").tobytes() for rows in negatives)).hexdigest()
    stage = Stage(
        kind="scores",
        name=f"{collection.name}-{collection.split}-{teacher.title()}",
        config={"teacher": teacher.identity(), "preferences": preferences.identity()},
        inputs=inputs,
        seeds={"preferences": preferences.seed},
        details={"collection": collection.name, "split": collection.split, "choices": context.choices},
    )
    return ScoringPlan(stage, teacher, preferences, gather(collection, None, negatives), _CHUNK)


def score(context: Context, plan: ScoringPlan, begin: Callable[[], None] = lambda: None) -> Artifact:
    """Scores, or finds that it was done.

    Args:
        context: the job.
        plan: what to score.
        begin: called when there is work to do, before it.

    Returns:
        The artifact with ``pairs.parquet`` (query_id, passage_id, score; in the collection's order) and, when asked
        for, ``preferences.parquet`` (query_id, first_id, second_id, p).

    Raises:
        WrankError: no model, no engine, or none of the first answers can be used.
    """

    def work(folder: Path) -> dict[str, Any]:
        begin()
        pairwise = isinstance(plan.teacher, Pairwise)
        total = comparison_count(plan.pairs, plan.preferences) if pairwise else len(plan.pairs)
        if not total:
            raise WrankError("no list has two passages, so there is nothing to compare")
        note(f"scores: {plan.teacher.title()} is asked about {total:,} {'comparisons' if pairwise else 'pairs'}")
        with closing(plan.teacher) as teacher:  # it loads its model when a chunk is missing, and not before
            with progress_bar("scoring", total, "comparisons" if pairwise else "pairs") as advance:
                scored = run(teacher, plan.pairs, plan.preferences, folder, plan.chunk, advance)
            facts = teacher.facts()
        if scored.marks.found:
            note(f"scores: went on after {scored.marks.found:,} of {total:,} {scored.asked}")
        written = np.flatnonzero(~np.isnan(scored.scores_P))
        if not len(written):
            reasons = ", ".join(f"{reason} ({count})" for reason, count in scored.marks.reasons.items())
            raise WrankError(
                f"every list has a pair without a score ({reasons}), so none is left: e.g. {scored.marks.examples[0]}"
            )
        write_scores(folder / PAIRS, plan.pairs, written, scored.scores_P)
        if plan.preferences.pairs is not None:
            write_preferences(folder / PREFERENCES, plan.pairs, scored.first_M, scored.second_M, scored.p_M)
        return {"teacher": facts, **summary(plan.pairs, scored), "examples": _examples(plan.pairs, scored)}

    return context.do(plan.stage, work)


def _examples(pairs: PairList, scored: Scored) -> list[dict[str, Any]]:
    """The first few lists that are written: query, and of some passages the text's beginning, grade and score."""
    examples: list[dict[str, Any]] = []
    for place in range(pairs.lists):
        start, stop = int(pairs.offsets[place]), int(pairs.offsets[place + 1])
        if np.isnan(scored.scores_P[start]):
            continue
        order = np.argsort(-np.nan_to_num(pairs.grades[start:stop], nan=-np.inf), kind="stable")[:_PASSAGES] + start
        texts = pairs.texts(order)
        rows = [
            {
                "passage": short(" ".join(text.split())),
                "grade": None if np.isnan(pairs.grades[row]) else float(pairs.grades[row]),
                "score": float(scored.scores_P[row]),
            }
            for row, (_, text) in zip(order.tolist(), texts, strict=True)
        ]
        examples.append({"query": short(texts[0][0]), "passages": rows})
        if len(examples) == _LISTS:
            break
    return examples
