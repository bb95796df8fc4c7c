"""A job's part in a search: it tells its trial the dev scores, ends early where asked to, and gives its objective."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.errors import Pruned, WrankError
from wrank.manifest import read_manifest
from wrank.stage.context import Context
from wrank.stage.tuning import PRUNED, RULES, SUFFIX, TUNING, Rules, optuna_package, storage
from wrank.tracking.progress import note

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """A job's trial. Holds a path and numbers alone, so that spawned ranks can take it along.

    Attributes:
        path: the search's file.
        name: the search's.
        number: the trial's.
    """

    path: Path
    name: str
    number: int

    def __call__(self, step: int, score: float) -> bool:
        """Adds a dev score to the trial, and says whether the search would rather have it end. Never raises.

        Args:
            step: optimizer step.
            score: dev score after it.
        """
        try:
            return self._ask(step, score)
        except Exception as error:  # a search's file that is gone must not stop a training
            log.warning("trial %d of %s: the score was not reported (%s)", self.number, self.name, error)
            return False

    def _ask(self, step: int, score: float) -> bool:
        optuna, kept = optuna_package(), storage(self.path)
        study = optuna.load_study(study_name=self.name, storage=kept)
        rules = Rules(**study.user_attrs[RULES])
        id = kept.get_trial_id_from_study_id_trial_number(kept.get_study_id_from_name(self.name), self.number)
        known = kept.get_trial(id)
        if known.state.is_finished():
            return False
        if step not in known.intermediate_values:  # of a training that was resumed from an earlier step
            kept.set_trial_intermediate_value(id, step, score)
        if rules.prune == "none":
            return False
        pruner = optuna.pruners.MedianPruner(n_startup_trials=rules.least_trials, n_warmup_steps=rules.warm_up)
        if not pruner.prune(study, kept.get_trial(id)):
            return False
        kept.set_trial_user_attr(id, PRUNED, {"step": step, "score": score})
        return True


def report_of(context: Context, dev_queries: int) -> Report | None:
    """The trial that a job belongs to; None where it belongs to none, or to one that is over.

    Args:
        context: the job; ``trial=SEARCH/NUMBER`` names the trial.
        dev_queries: how many steer the training.

    Raises:
        WrankError: there is no such trial, or there are no dev queries to score it by.
    """
    word = context.cfg.get("trial")
    if word is None:
        return None
    name, _, number = str(word).rpartition("/")
    path = context.store.root / TUNING / f"{name}{SUFFIX}"
    if not name or not number.isdigit() or not path.is_file():
        raise WrankError(
            f"trial={word}: wanted SEARCH/NUMBER of a search in {path.parent}; leave it out, a search sets it itself"
        )
    if not dev_queries:
        raise WrankError(f"trial={word}: there are no dev queries to score it by: set data.dev_share above 0")
    study = optuna_package().load_study(study_name=name, storage=storage(path))
    trials = study.get_trials(deepcopy=False)
    if int(number) >= len(trials):
        raise WrankError(f"trial={word}: the search has {len(trials)} trials")
    if trials[int(number)].state.is_finished():
        note(f"trial={word} is over ({trials[int(number)].state.name.lower()}): this training is not pruned")
        return None
    return Report(path, name, int(number))


def tunable(verb: Callable[[Context], dict[str, Any]]) -> Callable[[Context], dict[str, Any]]:
    """Adds ``objective`` to a verb's result: the best dev score of its training; of a pruned one ``pruned`` instead."""

    @functools.wraps(verb)
    def with_objective(context: Context) -> dict[str, Any]:
        try:
            result = verb(context)
        except Pruned as error:
            if context.cfg.get("trial") is None:
                raise
            note(str(error))
            return {"pruned": {"step": error.step, "score": error.score}}
        best = read_manifest(Path(result["model"]))["result"].get("best_dev")
        return result if best is None else {**result, "objective": float(best)}

    return with_objective
