"""Weights & Biases through Lightning's logger, offline by default."""

import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import wandb
from filelock import FileLock
from pytorch_lightning.loggers import WandbLogger

from wrank.errors import WrankError
from wrank.manifest import MANIFEST
from wrank.tracking.base import Role, Tracker
from wrank.tracking.identity import RunIdentity, scrub_text
from wrank.tracking.wandb_artifact import COLLECTION, artifact_facts, data_facts
from wrank.tracking.wandb_folder import LOCK, write_facts
from wrank.tracking.wandb_guard import clean_arguments, never_matters, never_raises, within

MODES = ("offline", "online", "disabled")
STEP = "trainer/global_step"
"""The x axis of what is logged in a training: optimizer steps. Lightning's logger names it so."""

METRICS: tuple[tuple[str, bool, str | None], ...] = (
    ("train/*", True, None),
    ("train/loss", True, "min,last"),
    ("val/*", True, "max,last"),
    ("test/*", False, None),
    ("baseline/*", False, None),
)
"""Names, whether they go by `STEP`, and what the summary keeps of them; None = the last value."""

FLUSHED = 1.0
"""Seconds after which figures are in W&B's file: what a SIGTERM to all processes, or a power cut, can cost of them."""

STOPPED = 143
"""Exit code of a run that was preempted: that of a process which SIGTERM ended."""


class GuardedLogger(WandbLogger):
    """Lightning's logger, whose calls during a training warn once instead of raising. Ranks can be spawned with it."""

    broken = False
    first_step = 0

    @never_raises
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs figures, after those of the trainings that the run holds already."""
        super().log_metrics(metrics, None if step is None else step + self.first_step)

    log_hyperparams = never_raises(WandbLogger.log_hyperparams)
    finalize = never_raises(WandbLogger.finalize)


class WandbTracker(Tracker):
    """One W&B run for one wrank run.

    A run that is started again, after a kill or a preemption, goes on under its id: offline in a folder of its own,
    which ``wrank sync`` sends after the earlier ones.

    Args:
        project: W&B project.
        entity: W&B user or team; None = the account's default.
        mode: offline, online or disabled.
        folder: where W&B writes its files.
        init_timeout: seconds that the start of a run may take.
        finish_timeout: seconds that W&B may take at the end, and for each table, page and artifact, when online.
        system_metrics: whether load, memory and GPUs are sampled.
        artifact_mb: the largest file that goes with an artifact's manifest, in MB; 0 = manifests only.
        weights: whether weights go with an artifact, however large.
        table_rows: rows of a table at most; 0 = no tables and no pages.

    Raises:
        WrankError: an unknown mode, a number out of range.
    """

    def __init__(
        self,
        project: str = "wrank",
        entity: str | None = None,
        mode: str = "offline",
        folder: str = "wandb",
        init_timeout: float = 60.0,
        finish_timeout: float = 600.0,
        system_metrics: bool = True,
        artifact_mb: float = 10.0,
        weights: bool = False,
        table_rows: int = 1000,
    ) -> None:
        if mode not in MODES:
            raise WrankError(f"logger.mode={mode!r}: wanted one of {', '.join(MODES)}")
        for key, value, least in (
            ("init_timeout", init_timeout, 1),
            ("finish_timeout", finish_timeout, 1),
            ("artifact_mb", artifact_mb, 0),
            ("table_rows", table_rows, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
                raise WrankError(f"logger.{key}={value!r}: wanted a number from {least} up")
        self.project, self.entity, self.mode, self.folder = project, entity, mode, Path(folder).expanduser()
        self.init_timeout, self.finish_timeout = float(init_timeout), float(finish_timeout)
        self.system_metrics, self.artifact_mb, self.weights = bool(system_metrics), float(artifact_mb), bool(weights)
        self.table_rows = int(table_rows)
        self.wants_artifacts = mode != "disabled"
        self.logger: Any = None
        self.told: set[str] = set()
        self._broken = False
        self._facts: dict[str, Any] = {}
        self._lock: FileLock | None = None
        self._artifacts: set[tuple[str, str]] = set()

    @property
    def broken(self) -> bool:
        """Whether W&B has failed, here or in the training's logger: it was told, and nothing more is tried."""
        return self._broken or bool(getattr(self.logger, "broken", False))

    @broken.setter
    def broken(self, value: bool) -> None:
        self._broken = value
        if self.logger is not None:
            self.logger.broken = value

    @never_raises
    def start(self, identity: RunIdentity) -> None:
        """Opens the run with an id derived from the run's key."""
        if self.mode == "disabled":
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("WANDB_DATA_DIR", str(self.folder.absolute() / "data"))  # else below the home folder
        with clean_arguments():
            run = wandb.init(
                project=scrub_text(self.project),
                entity=self.entity,
                mode=cast(Any, self.mode),
                dir=str(self.folder.absolute()),
                id=identity.id,
                resume="allow",  # offline, too: it decides what becomes of the steps when the run is sent
                name=identity.name,
                group=identity.group,
                job_type=identity.job_type,
                tags=list(identity.tags),
                config=identity.flat_config(),
                reinit="finish_previous",
                settings=self._settings(),
            )
        self.logger = GuardedLogger(experiment=run, log_model=False)
        self._artifacts.clear()
        run.define_metric(STEP)
        for name, stepped, summary in METRICS:
            run.define_metric(name, step_metric=STEP if stepped else None, summary=summary)
        if self.mode == "offline":
            self._sign(Path(run.dir).parent, identity)

    def _settings(self) -> wandb.Settings:
        often: dict[str, Any] = {"x_transaction_log_flush_interval": FLUSHED}  # older wandb has no such setting
        return wandb.Settings(
            silent=True,
            console="off",
            init_timeout=self.init_timeout,
            finish_timeout=self.finish_timeout,
            finish_timeout_raises=True,
            x_disable_stats=not self.system_metrics,
            **{name: value for name, value in often.items() if name in wandb.Settings.model_fields},
        )

    def _sign(self, folder: Path, identity: RunIdentity) -> None:
        """Says in the run's folder whose it is, and holds it until the run is closed."""
        self._lock = FileLock(folder / LOCK)
        self._lock.acquire(timeout=0)
        self._facts = {"folder": str(folder), "id": identity.id, "name": identity.name, "group": identity.group}
        self._facts |= {"job_type": identity.job_type, "tags": list(identity.tags)}
        self._facts |= {"project": scrub_text(self.project), "entity": self.entity}
        write_facts(folder, {key: value for key, value in self._facts.items() if key != "folder"})

    def lightning_loggers(self, first_step: int = 0) -> list[Any]:
        """The run's logger, unless W&B failed to start."""
        if self.logger is None or self.broken:
            return []
        self.logger.first_step = first_step
        return [self.logger]

    @never_raises
    def log(self, figures: Mapping[str, float]) -> None:
        """Adds figures of the whole run to its history and summary."""
        if self.logger is not None:
            self.logger.experiment.log(dict(figures))

    @never_matters
    def table(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], texts: Collection[str] = ()
    ) -> None:
        """Adds a table, the first ``table_rows`` of its rows; all but the data's own texts without secrets."""
        if self.logger is None or self.table_rows == 0:
            return
        as_given = [column in texts for column in columns]
        data = [list(map(_cell, row, as_given)) for row in itertools.islice(rows, self.table_rows)]
        table = wandb.Table(columns=list(columns), data=data, allow_mixed_types=True)
        self._patiently(f"table {name}", lambda: self.logger.experiment.log({name: table}))

    @never_matters
    def page(self, name: str, path: Path) -> None:
        """Adds an HTML page as it is."""
        if self.logger is None or self.table_rows == 0:
            return
        page = wandb.Html(str(path), inject=False)
        self._patiently(f"page {name}", lambda: self.logger.experiment.log({name: page}))

    @never_matters
    def artifact(self, manifest_folder: Path, role: Role) -> None:
        """Adds an artifact with its manifest and its small files; once a run, whoever tells of it."""
        if self.logger is None or (key := (str(manifest_folder), role)) in self._artifacts:
            return
        self._artifacts.add(key)
        facts = artifact_facts(manifest_folder, self.artifact_mb, self.weights)
        made = wandb.Artifact(facts.name, facts.type, metadata=dict(facts.metadata))
        for name in facts.files:
            made.add_file(str(manifest_folder / name), name=name, policy="immutable", skip_cache=True)
        if facts.manifest is not None:
            with made.new_file(MANIFEST, encoding="utf-8") as file:
                file.write(facts.manifest)
        run = self.logger.experiment
        if role == "made":
            self._patiently(f"artifact {facts.name}", lambda: run.log_artifact(made, aliases=["latest", facts.alias]))
            return
        self._use(made, facts.alias)

    @never_matters
    def data(self, name: str, fingerprint: str, facts: Mapping[str, Any]) -> None:
        """Adds a collection as an artifact of one small file, so that another fingerprint is another version."""
        if self.logger is None or (key := (fingerprint, "used")) in self._artifacts:
            return
        self._artifacts.add(key)
        content = data_facts(name, fingerprint, facts)
        made = wandb.Artifact(content.name, content.type, metadata=dict(content.metadata))
        with made.new_file(COLLECTION, encoding="utf-8") as file:
            file.write(str(content.manifest))
        self._use(made, content.alias)

    def _use(self, made: wandb.Artifact, alias: str) -> None:
        # `use_artifact` refuses to work offline, and waits for the server online. What it does with an artifact that
        # the server may not know yet is this: it is logged as nobody's output, and used once it is there.
        words = {"aliases": [alias], "is_user_created": True, "use_after_commit": True}
        run = self.logger.experiment
        self._patiently(f"artifact {made.name}", lambda: run._log_artifact(made, **words))

    def _patiently(self, what: str, call: Any) -> None:
        if self.mode == "offline":
            call()
        else:
            within(self.finish_timeout, what, call)

    @never_raises
    def pause(self) -> None:
        """Closes the run as preempted; the next start with its id goes on with it."""
        if self.logger is not None:
            self.logger.experiment.mark_preempting()
            self._close(STOPPED, "paused")

    @never_raises
    def finish(self, exit_code: int) -> None:
        """Closes the run."""
        if self.logger is not None:
            self._close(exit_code, "failed" if exit_code else "finished")

    def _close(self, exit_code: int, word: str) -> None:
        try:
            self.logger.experiment.finish(exit_code=exit_code)
            if "folder" in self._facts:
                folder = Path(self._facts.pop("folder"))
                write_facts(folder, self._facts | {"ended": word, "exit_code": exit_code})
        except Exception:
            self.logger.broken = True  # Lightning calls it once more
            raise
        finally:
            self.logger = None
            if self._lock is not None:
                self._lock.release()
                self._lock = None


def _cell(value: Any, as_given: bool) -> Any:
    """A table's value: numbers as they are, anything else as words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value) if as_given else scrub_text(str(value))
