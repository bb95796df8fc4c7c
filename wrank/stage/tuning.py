"""A search for the values with the best dev score: an Optuna study in the store, and its trials.

One search stands in ``STORE/.tuning/NAME.journal``: Optuna's journal, which is safe on the shared file systems of
clusters where several jobs report at once (SQLite is not). Only the command that searches begins and ends trials; a job
adds dev scores to its own, and asks whether it is worth going on. The test split has no part in any of it.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from wrank.errors import WrankError
from wrank.store import io_errors

TUNING, SUFFIX = ".tuning", ".journal"
RULES, PRUNED, RETRY = "wrank_rules", "wrank_pruned", "wrank_retry_of"
"""What is noted of a search and of a trial."""
_DIGITS = 6  # of a number, so that people can type it
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: the least.
        high: the largest.
        whole: whole numbers only.
        log: equal ratios are equally likely, in place of equal differences.
        step: distance of two neighbours; None = 1 for whole numbers, else any.
    """

    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None


Space = Mapping[str, Range | Sequence[str]]
"""Key -> what is tried: a range of numbers, or words as they stand on a command line."""


@dataclass(frozen=True)
class Rules:
    """How a search goes; checked when made.

    Attributes:
        sampler: ``tpe`` (values like those of the best trials so far) or ``random``.
        startup: trials at random before `sampler` learns from them.
        seed: of what is drawn; trial n is a function of the seed, n and the trials before.
        prune: ``median`` (a training ends whose dev score is below the median of earlier ones at its step) or ``none``.
        least_trials: finished trials before any is pruned.
        warm_up: optimizer steps before a training is pruned.

    Raises:
        WrankError: a value out of its range.
    """

    sampler: str = "tpe"
    startup: int = 8
    seed: int = 0
    prune: str = "median"
    least_trials: int = 5
    warm_up: int = 0

    def __post_init__(self) -> None:
        for key, known in (("sampler", ("tpe", "random")), ("prune", ("median", "none"))):
            if getattr(self, key) not in known:
                raise WrankError(f"hydra.sweeper.{key}={getattr(self, key)!r}: wanted {' or '.join(known)}")
        for key, least in (("startup", 1), ("seed", 0), ("least_trials", 1), ("warm_up", 0)):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise WrankError(f"hydra.sweeper.{key}={value!r}: wanted a whole number from {least} up")


@dataclass(frozen=True)
class Trial:
    """One choice of values.

    Attributes:
        number: its place in the search, from 0.
        values: key -> word on a command line.
        state: ``running``, ``complete``, ``pruned``, ``fail`` or ``waiting``.
        score: its objective; of a pruned one its last dev score; None = none yet.
    """

    number: int
    values: Mapping[str, str]
    state: str
    score: float | None


class Search:
    """A search in its file; made when it is not there.

    Args:
        store: the store's folder.
        name: of the search.
        space: what is tried.
        rules: how it goes.

    Raises:
        WrankError: Optuna is not installed, or the file cannot be read or written.
    """

    def __init__(self, store: Path, name: str, space: Space, rules: Rules) -> None:
        optuna = optuna_package()
        self.path, self.name, self.rules = store / TUNING / f"{name}{SUFFIX}", name, rules
        with io_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._study = optuna.create_study(
                study_name=name, storage=storage(self.path), direction="maximize", load_if_exists=True
            )
        self._study.set_user_attr(RULES, asdict(rules))
        self._space = {key: _distribution(key, one) for key, one in space.items()}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps every other command from this search while the block runs.

        Raises:
            WrankError: another one is at it.
        """
        lock = FileLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise WrankError(
                f"{self.path}: another command is at this search now; wait for it, or start a search of your own with "
                "another study=NAME"
            ) from None
        try:
            yield
        finally:
            lock.release()

    @property
    def trials(self) -> list[Trial]:
        """All trials, in their order."""
        return [_trial(one) for one in self._study.get_trials(deepcopy=False)]

    def unfinished(self) -> list[Trial]:
        """Trials whose jobs an earlier command started and did not see the end of; those that were pruned are told."""
        found = [one for one in self.trials if one.state == "running"]
        for one in found:
            if self._pruned(one.number):
                self.tell(one.number, None)
        return [one for one in found if not self._pruned(one.number)]

    def retry_failed(self) -> None:
        """Puts the values of each failed trial, that was not tried again yet, into the queue once more."""
        states = {one.number: one for one in self._study.get_trials(deepcopy=False)}
        again = {one.user_attrs.get(RETRY) for one in states.values()}
        for number, one in states.items():
            if one.state.name == "FAIL" and number not in again:
                self._study.enqueue_trial(one.params, user_attrs={RETRY: number})

    def ask(self) -> Trial:
        """The next trial: values to try."""
        samplers = optuna_package().samplers
        digest = hashlib.sha256(f"{self.rules.seed} {len(self.trials)}".encode()).digest()
        seed = int.from_bytes(
            digest[:4], "little"
        )  # by the trial's number, so that a resumed search draws no value twice
        if self.rules.sampler == "random":
            self._study.sampler = samplers.RandomSampler(seed=seed)
        else:
            self._study.sampler = samplers.TPESampler(seed=seed, n_startup_trials=self.rules.startup)
        asked = self._study.ask(fixed_distributions=self._space)
        return next(one for one in self.trials if one.number == asked.number)

    def tell(self, number: int, score: float | None, failed: str = "") -> Trial:
        """Ends a trial.

        Args:
            number: the trial's.
            score: its objective; None = it has none: it was pruned, or failed.
            failed: why it failed.
        """
        states = optuna_package().trial.TrialState
        if score is not None:
            self._study.tell(number, score)
        elif self._pruned(number):
            self._study.tell(number, state=states.PRUNED)
        else:
            log.debug("trial %d of %s failed: %s", number, self.name, failed)
            self._study.tell(number, state=states.FAIL)
        return self.trials[number]

    def _pruned(self, number: int) -> bool:
        return PRUNED in self._study.get_trials(deepcopy=False)[number].user_attrs


def _distribution(key: str, values: Range | Sequence[str]) -> Any:
    distributions = optuna_package().distributions
    if not isinstance(values, Range):
        return distributions.CategoricalDistribution(tuple(values))
    if not values.low < values.high or (values.log and values.low <= 0):
        lowest = " above 0" if values.log else ""
        raise WrankError(f"{key}: from {values.low} to {values.high}; wanted a lower end{lowest} below the upper one")
    if values.whole:
        step = 1 if values.step is None or values.log else int(values.step)
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.log, step=step)
    return distributions.FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def _trial(frozen: Any) -> Trial:
    values = {key: value if isinstance(value, str) else f"{value:.{_DIGITS}g}" for key, value in frozen.params.items()}
    score = frozen.value
    if score is None and frozen.intermediate_values:
        score = frozen.intermediate_values[frozen.last_step]
    return Trial(frozen.number, values, frozen.state.name.lower(), score)


def storage(path: Path) -> Any:
    """Optuna's view of a search's file.

    Args:
        path: the file.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def optuna_package() -> Any:
    """Optuna, imported late and quiet.

    Raises:
        WrankError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import optuna
    except ImportError as error:
        raise WrankError(
            f"hydra/sweeper=optuna needs the package optuna ({error}): pip install 'wrank[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
