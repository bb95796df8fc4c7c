"""What ``wrank data`` looks at: a collection's splits, or a mix, and the lists drawn from it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from wrank.config import build
from wrank.data.collection import Collection
from wrank.data.describe import Description, Lists, Verified, describe_lists, describe_parts, text_lengths
from wrank.data.lists import ListSampler
from wrank.data.source.public import RECORD
from wrank.data.source.public import verify as verify_files
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.training_data import mixed_collection


def describe(context: Context) -> Description:
    """Reads and checks the training data, mixed or not, and draws lists as a training would.

    Dense negatives would need the model's ranking: lists are then drawn without them, and that is said.

    Raises:
        WrankError: bad input of any kind.
    """
    mixing = OmegaConf.select(context.cfg, "data.mix") is not None
    collection = mixed_collection(context) if mixing else context.collection(context.train_split)
    lists, why = _lists(context, collection)
    return Description(
        name=f"{collection.name}/{collection.split}",
        splits=context.source.splits(),
        counts=collection.describe(),
        lengths={
            "queries": text_lengths(collection.queries, collection.judgements.query_rows),
            "passages": text_lengths(collection.passages, np.arange(len(collection.passages))),
            "judged passages": text_lengths(collection.passages, np.unique(collection.judgements.passage_rows)),
        },
        parts=describe_parts(collection),
        lists=lists,
        without_lists=why,
    )


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
    """Reads every split, and holds the files of a fetched collection against their recorded hashes.

    A split that cannot be read does not keep the others from being looked at.
    """
    found = []
    for split in context.source.splits():
        try:
            found.append(Verified(split, context.collection(split).describe(), []))
        except WrankError as error:
            found.append(Verified(split, {}, [str(error)]))
    if not found:
        raise WrankError(f"{context.source.name}: no split; wanted judgements in qrels/")
    folder = getattr(context.source, "path", None)
    if isinstance(folder, Path) and (folder / RECORD).is_file():
        found.append(Verified("files", {}, verify_files(folder)))
    return found
