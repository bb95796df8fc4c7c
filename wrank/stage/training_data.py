"""What is trained on: the collection's own judgements, what was generated for it, or both."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from omegaconf import OmegaConf

from wrank.config import build, plain
from wrank.data.collection import Collection, check_disjoint
from wrank.data.join import join
from wrank.data.mix import Mix
from wrank.data.source.beir import BeirSource
from wrank.data.source.instructed import InstructedSource
from wrank.data.split import split_queries
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.generator.provenance import PROVENANCE, read_origins
from wrank.stage.context import Context
from wrank.store import Artifact
from wrank.tracking.progress import note


@dataclass(frozen=True)
class TrainingData:
    """Collections and queries of one training.

    Attributes:
        collection: what lists are drawn from.
        train_ids: queries that are trained on.
        dev: where the dev queries' judgements are: real ones, when there are any.
        dev_ids: queries that steer.
    """

    collection: Collection
    train_ids: list[str]
    dev: Collection
    dev_ids: list[str]


def training_data(context: Context, generated: Artifact | None) -> TrainingData:
    """Reads and checks what a training needs.

    Dev queries are real, judged queries when there are any: generated passages never steer in their place.

    Args:
        context: the job.
        generated: a finished generation for this collection, or None.

    Raises:
        WrankError: no judgements, or queries that are trained on and steer at once.
    """
    check_written(context, generated is not None)
    mixing = OmegaConf.select(context.cfg, "data.mix") is not None
    real = _real(context, generated is not None or mixing)
    collection = real
    if mixing:
        collection = mixed_collection(context, generated)
    elif generated is not None:
        collection = _joined(context, real, generated)
    dev_split = plain(context.cfg, "data.dev_split")
    if dev_split:
        dev = context.collection(str(dev_split))
        train_ids, dev_ids = sorted(collection.qrels), sorted(dev.qrels)
        if shared := sorted(set(train_ids) & set(dev_ids)):
            raise WrankError(
                f"data.dev_split={dev_split} and data.train_split share {len(shared)} queries, e.g. {shared[0]!r}"
            )
    else:
        # the dev queries are the same for every seed of a study, so that its runs steer by one measure
        dev = real if real.qrels else collection
        _, dev_ids = split_queries(sorted(dev.qrels), float(plain(context.cfg, "data.dev_share")), 0)
        held_out, origins = set(dev_ids), _origins(generated, collection)
        train_ids = [id for id in sorted(collection.qrels) if not {id, origins.get(id)} & held_out]
    train_ids = _without_texts_of(collection, train_ids, dev, dev_ids)
    train_ids = _limited(context, collection, train_ids)
    if not train_ids:
        raise WrankError(f"{collection.name}/{collection.split}: no training query is left beside the dev queries")
    for test in evaluated(context):
        check_disjoint(collection.restricted_to(train_ids, "train"), test)
        check_disjoint(dev.restricted_to(dev_ids, "dev"), test)
    return TrainingData(collection, train_ids, dev, dev_ids)


def _limited(context: Context, collection: Collection, train_ids: list[str]) -> list[str]:
    """At most ``max_queries`` of the training queries; one that comes again for an objective of a mix counts once."""
    limit = plain(context.cfg, "max_queries")
    if limit is None or limit >= len(train_ids):
        return train_ids
    own = [collection.original_id(id) for id in train_ids]
    queries = sorted(set(own))
    if limit >= len(queries):
        return train_ids
    some = set(split_queries(queries, limit / len(queries), int(context.cfg.seed))[1])
    return [id for id, own_id in zip(train_ids, own, strict=True) if own_id in some]


def evaluated(context: Context) -> list[Collection]:
    """The sets whose queries are held out: the collection's test split, where it has one, and those of the job."""
    found = [context.collection(context.test_split)] if context.source.has_split(context.test_split) else []
    return found + [one for one in context.evaluated if all(one is not other for other in found)]


def check_written(context: Context, writes: bool) -> None:
    """Refuses keys that do not go with passages of a generator, or with none.

    Args:
        context: the job.
        writes: whether it has a generator.

    Raises:
        WrankError: ``synthetic=only`` with a mix or without a generator; queries with an instruction.
    """
    if context.cfg.synthetic == "only" and OmegaConf.select(context.cfg, "data.mix") is not None:
        raise WrankError("synthetic=only with data.mix: the mix says what is trained on; take its other parts out")
    if context.cfg.synthetic == "only" and not writes:
        raise WrankError("synthetic=only: there are no generated passages to train on; add generator=graded")
    if writes:
        check_instructed(context, "passages of a generator")


def check_instructed(context: Context, what: str) -> None:
    """Refuses texts without an instruction beside queries with one.

    Args:
        context: the job.
        what: they are, for the message.

    Raises:
        WrankError: the collection's queries have an instruction.
    """
    if isinstance(context.source, InstructedSource):
        raise WrankError(
            f"data=instructed with {what}: those queries have no instruction before them, so one model would be "
            f"trained on two kinds of text; train without, or on the collection without instructions"
        )


def _without_texts_of(collection: Collection, train_ids: list[str], dev: Collection, dev_ids: list[str]) -> list[str]:
    """Training queries without those that say, under another id, what a dev query says; tells how many."""
    if not dev_ids or not train_ids:
        return train_ids
    steering = dev.asked_keys(dev.queries.find_many(dev_ids))
    same = np.isin(collection.asked_keys(collection.queries.find_many(train_ids)), steering)
    if same.any():
        note(f"{int(same.sum())} training queries say what a dev query says: not trained on")
    return [id for id, is_same in zip(train_ids, same.tolist(), strict=True) if not is_same]


def mixed_collection(context: Context, generated: Artifact | None = None) -> Collection:
    """The collection that ``data.mix`` declares.

    Args:
        context: the job.
        generated: what was written in this job; it takes the place of ``data.generation``.

    Raises:
        WrankError: bad input of any part, or a generation that the mix has no place for.
    """
    if generated is not None:
        if "generation" not in context.cfg.data:
            raise WrankError(
                "generator=... with a data.mix that names no generation: choose a mix with data.generation, e.g. "
                "data=synthetic_graded, or leave the generator out"
            )
        OmegaConf.update(context.cfg, "data.generation", str(generated.path))
    mix: Mix = build(context.cfg, "data.mix")
    collection = mix.load(context.source, context.train_split, context.tables, int(context.cfg.get("seed", 0)))
    if context.source.has_split(context.test_split):
        collection = without_queries_of(collection, context.collection(context.test_split))
    return collection


def _origins(generated: Artifact | None, collection: Collection) -> dict[str, str]:
    """Paraphrase's id -> id of the query that it says in other words, of what was generated or mixed in."""
    folders = [] if generated is None else [generated.path]
    folders += [] if collection.mixed is None else list(collection.mixed.folders)
    origins: dict[str, str] = {}
    for path in dict.fromkeys(folder / PROVENANCE for folder in folders):
        if path.is_file():
            origins |= read_origins(path, "paraphrase")
    return origins


def _real(context: Context, may_lack_judgements: bool) -> Collection:
    split = plain(context.cfg, "data.train_split")
    if may_lack_judgements and not context.source.has_split(split):
        return context.source.unjudged(context.tables)
    return context.collection(str(split))


def _joined(context: Context, real: Collection, generated: Artifact) -> Collection:
    written = BeirSource(str(generated.path), name=str(generated.manifest["name"])).load("train", context.tables)
    if context.source.has_split(context.test_split):
        written = without_queries_of(written, context.collection(context.test_split))
    tops = [float(one.judgements.grades.max(initial=0.0)) for one in (real, written)]
    if context.cfg.synthetic == "add" and real.qrels and tops[0] != tops[1]:
        note(
            f"the highest real grade is {tops[0]:g}, the highest generated one {tops[1]:g}: two scales in one list; "
            "choose generator/scale to fit the collection, or synthetic=only"
        )
    return join(real, written, context.cfg.synthetic)


def without_queries_of(written: Collection, test: Collection) -> Collection:
    """Leaves out generated queries that say word for word what an evaluated query says; tells how many.

    Queries that were taken over from the collection are not touched here: `check_disjoint` refuses those.
    """
    judged, rows = written.judgements, written.judgements.query_rows
    tested = test.asked_keys(test.judgements.query_rows)
    same_text = np.flatnonzero(np.isin(written.asked_keys(rows), tested))
    dropped = [place for place in same_text.tolist() if written.queries.id(int(rows[place])) not in test.queries]
    if not dropped:
        return written
    note(f"{len(dropped)} generated queries are word for word those of {test.name}/{test.split}: not trained on")
    gone = sorted(written.queries.id(int(rows[place])) for place in dropped)
    return dataclasses.replace(
        written,
        qrels=judged.at_places(np.setdiff1d(np.arange(len(judged)), dropped)),
        fingerprint=sha256_of_json({"of": written.fingerprint, "without": gone}),
    )
