"""Whether the training lists hold what a loss needs; told before any work."""

import logging
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from wrank.data.collection import Collection
from wrank.data.paraphrases import PARAPHRASES
from wrank.data.supplement import Supplement
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.stage.context import Context
from wrank.stage.training_data import check_instructed

_log = logging.getLogger(__name__)
_MISSING = {
    "teacher": (
        "teacher scores: add teacher=bi_encoder (cross_encoder, llm, ...) to this command, or name what `wrank score` "
        "made: data.scores=NAME"
    ),
    "pairs": (
        "preferences between passages: add teacher=bi_encoder (cross_encoder, llm_pairwise, ...) to this command, with "
        "preferences.pairs set, or name what `wrank score ... preferences.pairs=all` made: data.preferences=NAME"
    ),
    "paraphrases": (
        "paraphrases of the queries: name what `wrank generate generator=paraphrase` made, or a TSV or JSONL of "
        "query_id and text: data.paraphrases=NAME; or add generator=paraphrase to this command"
    ),
}


def check_sources(context: Context, loss: Loss) -> None:
    """Refuses a loss whose needs nothing in the configuration can meet.

    Args:
        context: the job.
        loss: the loss.

    Raises:
        WrankError: what is missing, and where it would come from.
    """
    given = {key: OmegaConf.select(context.cfg, key) is not None for key in ("data.scores", "data.preferences")}
    teacher = context.choices.get("teacher") is not None
    held = {"teacher", "pairs"} if context.choices.get("rounds") == "self_training" else set()
    if teacher or given["data.scores"] or OmegaConf.select(context.cfg, "data.mix.teacher") is not None:
        held.add("teacher")
    if given["data.preferences"] or (teacher and OmegaConf.select(context.cfg, "preferences.pairs") is not None):
        held.add("pairs")
    named = OmegaConf.select(context.cfg, "data.paraphrases") is not None or writes_paraphrases(context)
    if named or paraphrases_of_source(context) is not None:
        held.add("paraphrases")
    for is_needed, what in (("paraphrases" in loss.needs, "paraphrases"), (context.generates, "generator=...")):
        if is_needed:
            check_instructed(context, what)
    if loss.needs & _MISSING.keys() - held:  # only then is the collection looked at
        _refuse(loss, held, context.choices.get("loss", "loss"), str(context.source.name))


def writes_paraphrases(context: Context) -> bool:
    """Whether this very job's generator writes paraphrases."""
    recipe = str(OmegaConf.select(context.cfg, "generator.recipe._target_") or "")
    return context.generates is not None and recipe.endswith(".Paraphrase")


def paraphrases_of_source(context: Context) -> Path | None:
    """``paraphrases.jsonl`` or ``.tsv`` (perhaps gzipped) in the collection's own folder, if there is one."""
    folder = getattr(context.source, "path", None)
    paths = [] if folder is None else [Path(folder) / name for name in PARAPHRASES]
    return next((path for path in paths if path.is_file()), None)


def check_needs(
    loss: Loss, collection: Collection, option: str, others: bool, supplement: Supplement | None = None
) -> None:
    """Refuses lists without what the loss needs.

    Args:
        loss: the loss.
        collection: what is trained on.
        option: what the loss is called.
        others: whether a list is scored against passages of grade 0 that are not judged: negatives, or other queries'.
        supplement: what was found for the lists beside the judgements, or None.

    Raises:
        WrankError: what is missing, and where it would come from.
    """
    judged, found = collection.judgements, supplement or Supplement()
    held = set()
    if found.scores is not None or bool(np.isfinite(judged.extra.get("teacher", np.nan)).any()):
        held.add("teacher")
    rows = judged.query_rows
    if collection.mixed is not None:  # a query that comes again has what there is for the query itself
        rows = np.append(rows, collection.mixed.originals[rows])
    for word, table in (("pairs", found.preferences), ("paraphrases", found.paraphrases)):
        if table is not None and bool(np.isin(rows, table.query_rows).any()):
            held.add(word)
    where = f"{collection.name}/{collection.split}"
    _refuse(loss, held, option, where)
    levels = np.unique(np.append(judged.grades, 0) if others else judged.grades)
    if "grades" in loss.needs and len(levels) < 2:
        shown = ", ".join(f"{level:g}" for level in levels.tolist()) or "none"
        raise WrankError(
            f"loss={option} needs two different grades in a list, but the grades of {where} are {shown}. Wanted: "
            "judgements of several grades, or data.lists.negatives=random, which are of grade 0"
        )
    _check_scale(loss, float(judged.grades.max(initial=0.0)), option, where)


def _check_scale(loss: Loss, highest: float, option: str, where: str) -> None:
    """Refuses a threshold that no grade reaches; tells of a scale that ends below the highest grade."""
    for part in loss.modules():
        threshold, most = getattr(part, "positive_threshold", None), getattr(part, "max_grade", None)
        uses_it = getattr(part, "positives", "") != "best" and "paraphrases" not in getattr(part, "needs", ())
        if threshold is not None and uses_it and threshold > highest:
            raise WrankError(
                f"loss={option}: its positive_threshold is {threshold:g}, but the highest grade of {where} is "
                f"{highest:g}: no passage would be positive, and nothing learned"
            )
        if most is not None and most < highest:
            _log.warning(
                "loss=%s takes grades above its max_grade %g for %g, but %s goes up to %g: set loss.max_grade=%g",
                *(option, most, most, where, highest, highest),
            )


def _refuse(loss: Loss, held: set[str], option: str, where: str) -> None:
    if missing := sorted(loss.needs & _MISSING.keys() - held):
        raise WrankError(f"loss={option} needs {missing[0]}, which {where} has none of. Wanted: {_MISSING[missing[0]]}")
