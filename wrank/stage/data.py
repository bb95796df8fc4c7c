"""What ``wrank data`` looks at: a collection's splits, or a mix, and the lists drawn from it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from wrank.config import build
from wrank.data.collection import Collection
from wrank.data.describe import Description, Lists, Verified, describe_lists, describe_parts, text_lengths
from wrank.data.lists import ListSampler
from wrank.data.mix import Mix
from wrank.data.source.public import RECORD
from wrank.data.source.public import verify as verify_files
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.training_data import mixed_collection


def describe(context: Context) -> Description:
    """Reads and checks the training data, mixed or not, and draws lists as a training would.

    Dense negatives would need the model's ranking: lists are then drawn without them, and that is said. A collection
    that is there for evaluation alone is described by its test split, without lists.

    Raises:
        WrankError: bad input of any kind.
    """
    splits = _splits(context)
    lists: Lists | None = None
    if not _mixes(context) and context.train_split not in splits and context.test_split in splits:
        collection = context.collection(context.test_split)
        remark = f"no split {context.train_split!r} to train on, so no lists; what is above is {collection.split!r}"
    else:
        collection = mixed_collection(context) if _mixes(context) else context.collection(context.train_split)
        lists, remark = _lists(context, collection)
    return Description(
        name=f"{collection.name}/{collection.split}",
        splits=splits,
        counts=collection.describe(),
        lengths={
            "queries": text_lengths(collection.queries, collection.judgements.query_rows),
            "passages": text_lengths(collection.passages, np.arange(len(collection.passages))),
            "judged passages": text_lengths(collection.passages, np.unique(collection.judgements.passage_rows)),
        },
        parts=describe_parts(collection),
        lists=lists,
        remark=remark,
    )


def _mixes(context: Context) -> bool:
    return OmegaConf.select(context.cfg, "data.mix") is not None


def _splits(context: Context) -> list[str]:
    with suppress(WrankError):  # a mix may bring all judgements itself; without one, reading a split will tell
        return list(context.source.splits())
    return []


def _lists(context: Context, collection: Collection) -> tuple[Lists | None, str]:
    make: Callable[..., ListSampler] = build(context.cfg, "data.lists")
    augment = None if OmegaConf.select(context.cfg, "data.augment") is None else build(context.cfg, "data.augment")
    why, more = "", {}
    if context.cfg.data.lists.negatives == "dense":
        why = "dense negatives need the model's ranking (`wrank train` finds it): the lists below are without them"
        more = {"negatives": "none"}
    try:
        sampler = make(collection, seed=int(context.cfg.seed), augment=augment, **more)
    except WrankError as error:
        if "no query has a judged passage" not in str(error):
            raise
        return None, str(error)
    return describe_lists(sampler), why


def verify(context: Context) -> list[Verified]:
    """Reads every split, the parts of a mix and the mix itself, and holds a fetched collection's files to their hashes.

    What cannot be read does not keep the rest from being looked at.

    Raises:
        WrankError: no collection there at all.
    """
    found = []
    try:
        found += [_verified(split, partial(context.collection, split)) for split in context.source.splits()]
    except WrankError as error:
        if not _mixes(context):  # which may bring all judgements itself
            found.append(Verified("splits", {}, [str(error)]))
    if _mixes(context):
        found += _verified_mix(context)
    elif not found:
        raise WrankError(f"{context.source.name}: no split; wanted judgements in qrels/")
    folder = getattr(context.source, "fetched", getattr(context.source, "path", None))
    if isinstance(folder, Path) and (folder / RECORD).is_file():
        found.append(Verified("files", {}, verify_files(folder)))
    return found


def _verified_mix(context: Context) -> list[Verified]:
    """Each part that has a source of its own, and the whole when they are sound."""
    try:
        mix: Mix = build(context.cfg, "data.mix")
    except WrankError as error:
        return [Verified("mix", {}, [str(error)])]
    found = []
    for name, part in mix.parts.items():
        if part.source is not None:
            read = partial(part.source.load, part.split or context.train_split, context.tables)
            found.append(_verified(f"part {name}", read))
    if not any(part.wrong for part in found):
        found.append(_verified("mix", partial(mixed_collection, context)))
    return found


def _verified(name: str, read: Callable[[], Collection]) -> Verified:
    try:
        return Verified(name, read().describe(), [])
    except WrankError as error:
        return Verified(name, {}, [str(error)])
