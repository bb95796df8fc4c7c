"""What the training lists get beside the judgements, where the loss needs it: found, or made by a teacher."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from wrank.config import plain
from wrank.data.cache import remembered_sha256
from wrank.data.lists import ListSampler
from wrank.data.paraphrases import PARAPHRASES, ParaphraseTable, Rows, read_paraphrases
from wrank.data.preferences import PREFERENCES, PreferenceTable
from wrank.data.source.pairs import PAIRS, PairsFile
from wrank.data.supplement import Supplement
from wrank.errors import WrankError
from wrank.files import parse_id, read_jsonl, sha256_of_json
from wrank.generator.provenance import PROVENANCE, read_origins
from wrank.loss.base import Loss
from wrank.manifest import MANIFEST, read_manifest
from wrank.stage.context import Context
from wrank.stage.given import file_in, given_path
from wrank.stage.needs import paraphrases_of_source, writes_paraphrases
from wrank.stage.scoring import plan_training_scores, score
from wrank.stage.training_data import TrainingData, evaluated
from wrank.store import Artifact
from wrank.tracking.progress import note

_SCORE = "wrank score"
_FILES = {"teacher": ("data.scores", PAIRS), "pairs": ("data.preferences", PREFERENCES)}


@dataclass(frozen=True)
class Supplied:
    """What was found for a training.

    Attributes:
        supplement: for the sampler.
        inputs: a word for each -> its content key; nothing where the loss needs nothing.
        lists: what the lists' part of the training's key gets.
    """

    supplement: Supplement = field(default_factory=Supplement)
    inputs: dict[str, str] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)


def supply(
    context: Context, data: TrainingData, loss: Loss, generated: Artifact | None, sampler: Callable[[], ListSampler]
) -> Supplied:
    """Finds or makes what a loss needs of the lists; asks a teacher where one was chosen.

    Args:
        context: the job.
        data: what is trained on.
        loss: the loss; what it does not need is not looked at.
        generated: what was written in this job, or None.
        sampler: makes the sampler of the training, with its candidates.

    Raises:
        WrankError: a file or artifact that is not there or does not fit, or a teacher that cannot be asked.
    """
    supplied = Supplied()
    teacher = context.choices.get("teacher")
    if teacher is not None and not loss.needs & {"teacher", "pairs"}:
        option = context.choices.get("loss", "loss")
        note(f"teacher={teacher} is not asked: loss={option} needs neither teacher scores nor preferences")
    elif loss.needs & {"teacher", "pairs"}:
        supplied = _with_teacher(context, data, loss, sampler)
    if "paraphrases" in loss.needs:
        table, content = _paraphrases(context, data, generated)
        note(f"paraphrases: {len(table):,} of {len(table.query_rows):,} queries")
        supplied = Supplied(
            replace(supplied.supplement, paraphrases=table),
            supplied.inputs | {"paraphrases": content},
            supplied.lists | {"paraphrases": int(OmegaConf.select(context.cfg, "data.lists.paraphrases", default=2))},
        )
    return supplied


def _with_teacher(context: Context, data: TrainingData, loss: Loss, sampler: Callable[[], ListSampler]) -> Supplied:
    """Scores and preferences: those that were given; where none were, those that the chosen teacher makes."""
    paths: dict[str, Path] = {}
    inputs: dict[str, str] = {}
    negatives = None
    for need in sorted(loss.needs & _FILES.keys()):
        key, name = _FILES[need]
        if (path := given_path(context, key, "scores", _SCORE)) is not None:
            paths[need] = file_in(path, key, name, _SCORE)
            inputs[key] = remembered_sha256(paths[need], context.tables)
    wanted = loss.needs & _FILES.keys() - paths.keys()
    if wanted and context.choices.get("teacher") is not None:
        negatives = _fixed_negatives(context)
        artifact = _asked(context, data, sampler, negatives)
        inputs["teacher"] = artifact.content_key
        paths |= {need: artifact.path / _FILES[need][1] for need in wanted}
    tables = (data.collection.queries, data.collection.passages, context.tables)
    supplement = Supplement(
        scores=PairsFile(str(paths["teacher"])).load(*tables) if "teacher" in paths else None,
        preferences=PreferenceTable.read(paths["pairs"], *tables) if "pairs" in paths else None,
        negatives=negatives,
    )
    return Supplied(supplement, inputs, {} if negatives is None else {"fixed_negatives": negatives})


def _fixed_negatives(context: Context) -> int | None:
    """How many negatives of a query the teacher scores, so that lists draw from them alone; None: it scores none."""
    count, size = int(context.cfg.teacher_negatives), int(plain(context.cfg, "data.lists.size"))
    if count == 0 or plain(context.cfg, "data.lists.negatives") == "none":
        return None
    if count < size - 1:
        raise WrankError(
            f"teacher_negatives={count}, but a list of data.lists.size={size} may need {size - 1} negatives: wanted at "
            "least so many, or 0 (the teacher scores none, and lists draw from all)"
        )
    return count


def _asked(context: Context, data: TrainingData, sampler: Callable[[], ListSampler], negatives: int | None) -> Artifact:
    """The teacher's scores of the training queries' judged pairs, and of their fixed negatives."""
    collection = data.collection.restricted_to(data.train_ids, "train")
    drawn = None
    if negatives is not None:
        lists = sampler()
        rows = [lists.fixed_negatives(index, negatives) for index in range(len(lists))]
        query_rows = np.repeat(lists.query_rows, [len(some) for some in rows]).astype(np.int64)
        drawn = query_rows, np.fromiter((row for some in rows for row in some), dtype=np.int64, count=len(query_rows))
    plan = plan_training_scores(context, collection, drawn)
    context.free_device()
    return score(context, plan)


def _paraphrases(context: Context, data: TrainingData, generated: Artifact | None) -> tuple[ParaphraseTable, str]:
    """The paraphrases without those that say what a dev or an evaluated query says; and what names those that stay."""
    path = given_path(context, "data.paraphrases", "generation", "wrank generate generator=paraphrase")
    if path is None and generated is not None and writes_paraphrases(context):
        path = generated.path
    if path is None:
        path = paraphrases_of_source(context)
    if path is None:
        raise WrankError("data.paraphrases=null: there are no paraphrases; name a file or a generation of them")
    rows, content = _rows_of(path, context)
    queries = data.collection.queries
    table = ParaphraseTable.build(rows, content, str(path), queries, context.tables)
    if table.unknown:
        note(f"paraphrases: {table.unknown:,} are of queries that {data.collection.name} does not have: left out")
    held_out = [data.dev.asked_keys(data.dev.queries.find_many(data.dev_ids))] if data.dev_ids else []
    held_out += [one.asked_keys(one.judgements.query_rows) for one in evaluated(context)]
    if held_out:
        table = table.without(np.concatenate(held_out))
    if len(table.dropped):  # what is held out is known from the evaluated sets, which are no input of the training
        note(f"paraphrases: {len(table.dropped):,} that say what an evaluated or dev query says are left out")
        content = sha256_of_json([content, table.dropped.tolist()])
    return table, content


def _rows_of(path: Path, context: Context) -> tuple[Callable[[], Rows], str]:
    """What reads the paraphrases at a path, and what names their content."""
    if path.is_dir() and (path / PROVENANCE).is_file():
        if not (path / MANIFEST).is_file():
            raise WrankError(f"data.paraphrases={path}: no {MANIFEST} in it, so it is no finished generation")
        return lambda: _generated(path), str(read_manifest(path)["content_key"])
    if path.is_dir():
        files = [path / name for name in PARAPHRASES if (path / name).is_file()]
        if len(files) != 1:
            raise WrankError(
                f"data.paraphrases={path}: {len(files)} of {', '.join(PARAPHRASES)} in that folder; wanted one, or a "
                f"generation of generator=paraphrase"
            )
        path = files[0]
    return lambda: read_paraphrases(path), remembered_sha256(path, context.tables)


def _generated(folder: Path) -> Rows:
    """Origin's id and text of each query that a generation with the recipe paraphrase wrote."""
    origins = read_origins(folder / PROVENANCE, "paraphrase")
    if not origins:
        raise WrankError(f"{folder}: no paraphrase in it; wanted a generation of generator=paraphrase")
    path = folder / "queries.jsonl"
    for number, record in read_jsonl(path):
        origin = origins.get(parse_id(record, "_id", path, number))
        if origin is not None:
            yield origin, str(record["text"])
