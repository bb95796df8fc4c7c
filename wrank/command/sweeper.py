"""wrank's Hydra sweeper ``hydra/sweeper=optuna``: jobs that learn from those before them.

Not hydra-optuna-sweeper: that one wants Optuna before 3, whose storage fails with today's SQLAlchemy, and ends with an
error when a trial was pruned. Here the search is `wrank.stage.tuning`; this module reads its space from the command
line and hands its trials to the launcher. A job gets its trial by a word of its command line, ``trial=SEARCH/NUMBER``,
which every launcher passes on.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from wrank.command.launcher import MODULE
from wrank.command.sweep import SEARCH
from wrank.errors import WrankError
from wrank.files import sha256_of_json, write_atomic
from wrank.launch.finished import job_key
from wrank.stage.tuning import Range, Rules, Search, Space, Trial
from wrank.store import slug
from wrank.tracking.plan import print_search
from wrank.tracking.progress import note

VERBS = ("train", "run")


class OptunaSweeper(Sweeper):
    """Hydra's sweeper of ``hydra/sweeper=optuna``.

    Args:
        trials: of the whole search, those of earlier commands included.
        at_once: jobs that are started together.
        max_failures: failed jobs of one command after which it ends.
        params: key -> values, as on the command line; that one wins.
        rules: keys of `wrank.stage.tuning.Rules`.
    """

    def __init__(
        self, trials: int, at_once: int, max_failures: int, params: dict[str, Any] | None = None, **rules: Any
    ) -> None:
        self.trials, self.at_once, self.max_failures = trials, at_once, max_failures
        for key in ("trials", "at_once", "max_failures"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise WrankError(f"hydra.sweeper.{key}={value!r}: wanted a whole number from 1 up")
        self.params, self.rules = dict(params or {}), Rules(**rules)
        self._jobs = self._failures = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's own."""
        self.whole = config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Searches until there are enough trials.

        Args:
            arguments: the words of the command line.

        Raises:
            WrankError: nothing to search, a verb that trains nothing, or jobs without a dev score.
        """
        verb = str(self.whole.hydra.job.config_name)
        if verb not in VERBS:
            raise WrankError(f"wrank {verb} with hydra/sweeper=optuna: it has no dev score; wanted one of {VERBS}")
        fixed, space = read_words([f"{key}={value}" for key, value in self.params.items()] + arguments)
        if not space:
            raise WrankError(
                "hydra/sweeper=optuna: nothing to search; give some key several values, e.g. "
                "trainer.learning_rate='tag(log,interval(1e-6,1e-4))' or loss=kl,listnet"
            )
        folder = Path(str(self.whole.hydra.sweep.dir)).absolute()
        if self.whole.hydra.launcher.get("dry_run"):
            self._dry_run(fixed, space)
            return None
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.whole, folder / "multirun.yaml")
        store = Path(str(self.whole.paths.store)).expanduser().absolute()
        self.search = search = Search(store, self._name(verb, space), space, self.rules)
        with search.alone():
            found = len(_over(search.trials))
            note(f"search {search.name}: {found} of {self.trials} trials are there already" if found else
                 f"search {search.name}: {self.trials} trials")  # fmt: skip
            try:
                self._search(search, fixed)
            finally:
                self._show(search, verb, fixed, folder)
        return None

    def _name(self, verb: str, space: Space) -> str:
        """The search's: the same for the same configuration and space, so that the same line goes on."""
        task = self.whole.copy()
        with open_dict(task):
            del task["hydra"]
        plain = OmegaConf.to_container(task, resolve=True)
        assert isinstance(plain, dict)
        kinds = {key: one.__dict__ if isinstance(one, Range) else list(one) for key, one in space.items()}
        digest = sha256_of_json({"job": job_key(verb, {str(key): one for key, one in plain.items()}), "space": kinds})
        return f"{slug(str(self.whole.study))[:60]}-{verb}-{digest[:8]}"

    def _dry_run(self, fixed: Sequence[str], space: Space) -> None:
        """One job at each end of the space, for the launcher's table."""
        ends = [{key: _end(one, last) for key, one in space.items()} for last in (False, True)]
        note(f"a search of {self.trials} trials: shown are the first and the last of each key's values")
        self.launcher.launch([[*fixed, *_words(values)] for values in ends], initial_job_idx=0)

    def _search(self, search: Search, fixed: Sequence[str]) -> None:
        again = search.unfinished()
        search.retry_failed()
        while self._failures < self.max_failures:
            todo = min(self.at_once, self.trials - len(_over(search.trials)))
            if todo < 1:
                return
            batch = again[:todo]
            again = again[len(batch) :]
            batch += [search.ask() for _ in range(todo - len(batch))]
            words = [[*fixed, *_words(one.values), f"trial={search.name}/{one.number}"] for one in batch]
            returns = self.launcher.launch(words, initial_job_idx=self._jobs)
            self._jobs += len(batch)
            for trial, returned in zip(batch, returns, strict=True):
                self._tell(search, trial, returned)
        note(f"search {search.name}: {self._failures} jobs failed: it ends here; the same line tries them again")

    def _tell(self, search: Search, trial: Trial, returned: JobReturn) -> None:
        if returned.status != JobStatus.COMPLETED:
            self._failures += 1
            search.tell(trial.number, None, str(returned._return_value))
            return
        score = returned.return_value
        told = search.tell(trial.number, None if score is None else float(score))
        if told.state == "fail":
            raise WrankError(
                f"search {search.name}: trial {trial.number} ended without a dev score; a search goes by the dev "
                "queries' measure: set data.dev_share above 0, or name data.dev_split"
            )
        note(f"trial {trial.number} {told.state}: {told.score:.4f}: {' '.join(_words(trial.values))}")

    def _show(self, search: Search, verb: str, fixed: Sequence[str], folder: Path) -> None:
        over = _over(search.trials)
        best = max((one for one in over if one.state == "complete"), key=lambda one: one.score or 0.0, default=None)
        print_search(search.name, [one for one in search.trials if one.state != "waiting"], best)
        plain = [word for word in fixed if not word.startswith(("sweep=", "hydra/", "hydra."))]
        command = None if best is None else ["wrank", verb, *plain, *_words(best.values)]
        if command is not None:
            print(" ".join(command))
        facts = {
            "search": search.name,
            "best": None if best is None else best.__dict__,
            "command": command,
            "trials": [one.__dict__ for one in search.trials],
        }
        write_atomic(folder / SEARCH, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def read_words(words: Sequence[str]) -> tuple[list[str], dict[str, Range | Sequence[str]]]:
    """Splits words of a command line into those that stay, and keys with several values; the last of a key counts.

    Args:
        words: ``key=value``, ``key=a,b``, ``key=range(1,9,2)``, ``key=interval(0,1)``, ``key=int(interval(1,9))``,
            ``key=tag(log,interval(1,9))``.

    Raises:
        WrankError: several values that cannot be searched.
    """
    fixed: dict[str, str] = {}
    space: dict[str, Range | Sequence[str]] = {}
    for override in OverridesParser.create().parse_overrides(list(words)):
        key = override.get_key_element()
        fixed.pop(key, None), space.pop(key, None)
        if not override.is_sweep_override():
            fixed[key] = str(override.input_line) if override.is_delete() else (
                f"{key}={override.get_value_element_as_str()}"
            )  # fmt: skip
            continue
        values = _values(key, override)
        if isinstance(values, Range) or len(values) > 1:
            space[key] = values
        elif values:
            fixed[key] = f"{key}={values[0]}"
    return list(fixed.values()), space


def _values(key: str, override: Override) -> Range | Sequence[str]:
    value = override.value()
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return Range(value.start, value.end, whole, "log" in value.tags)
    if isinstance(value, RangeSweep) and not value.shuffle:
        steps = list(value.range())
        if len(steps) > 1:
            whole = all(isinstance(one, int) for one in steps)
            return Range(float(min(steps)), float(max(steps)), whole, step=abs(float(value.step)))
    if not override.is_discrete_sweep():
        raise WrankError(f"{key}: {override.input_line}: these values cannot be searched")
    return list(dict.fromkeys(override.sweep_string_iterator()))


def _end(values: Range | Sequence[str], last: bool) -> str:
    if not isinstance(values, Range):
        return values[-1 if last else 0]
    value = values.high if last else values.low
    return str(int(value) if values.whole else value)


def _words(values: Any) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def _over(trials: Sequence[Trial]) -> list[Trial]:
    return [one for one in trials if one.state in ("complete", "pruned")]


def register_sweeper() -> None:
    """Makes the sweeper known to Hydra, by a name of the package that Hydra takes sweepers from."""
    OptunaSweeper.__module__ = MODULE
    setattr(sys.modules[MODULE], OptunaSweeper.__name__, OptunaSweeper)
    Plugins.instance().register(OptunaSweeper)
