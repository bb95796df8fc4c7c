"""Whether the training lists hold what a loss needs; told before any work."""

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.loss.base import Loss

_MISSING = {
    "teacher": "teacher scores: run `wrank score` (or `wrank mine`), and name its pairs as data.mix.teacher of a mix",
    "pairs": "preferences between passages, which no training list carries yet",
    "paraphrases": "paraphrases of the queries, which no training list carries yet",
}


def check_needs(loss: Loss, collection: Collection, option: str, others: bool) -> None:
    """Refuses lists without what the loss needs.

    Args:
        loss: the loss.
        collection: what is trained on.
        option: what the loss is called.
        others: whether a list is scored against passages of grade 0 that are not judged: negatives, or other queries'.

    Raises:
        WrankError: what is missing, and where it would come from.
    """
    judged = collection.judgements
    held = {"teacher"} if "teacher" in judged.extra and bool(np.isfinite(judged.extra["teacher"]).any()) else set()
    where = f"{collection.name}/{collection.split}"
    if missing := sorted(loss.needs & _MISSING.keys() - held):
        raise WrankError(f"loss={option} needs {missing[0]}, which {where} has none of. Wanted: {_MISSING[missing[0]]}")
    levels = np.unique(np.append(judged.grades, 0) if others else judged.grades)
    if "grades" in loss.needs and len(levels) < 2:
        found = ", ".join(f"{level:g}" for level in levels.tolist()) or "none"
        raise WrankError(
            f"loss={option} needs two different grades in a list, but the grades of {where} are {found}. Wanted: "
            "judgements of several grades, or data.lists.negatives=random, which are of grade 0"
        )
