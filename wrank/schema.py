"""The typed root keys of each verb: a key that is not here is refused wherever it is set."""

from dataclasses import dataclass, field
from typing import Any

MISSING: Any = "???"
"""OmegaConf's word for a value that must be given."""


@dataclass
class EvaluateRoot:
    """Root keys of all verbs that encode; a key that is not here is refused wherever it is set."""

    data: Any = MISSING
    model: Any = MISSING
    evaluation: Any = MISSING
    logger: Any = MISSING
    paths: Any = MISSING
    seed: int = 0
    study: str = "default"
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    device: str = "auto"


@dataclass
class EvaluateOnlyRoot(EvaluateRoot):
    """Root keys of ``wrank evaluate``."""

    baselines: list[str] = field(default_factory=list)
    reference: str | None = None


@dataclass
class TrainRoot(EvaluateRoot):
    """Root keys of ``wrank train``."""

    loss: Any = MISSING
    trainer: Any = MISSING
    rounds: Any = MISSING
    generator: Any = None
    audit: Any = MISSING
    judge: Any = MISSING
    teacher: Any = None
    preferences: Any = MISSING
    teacher_negatives: int = 16
    synthetic: str = "add"
    max_queries: int | None = None
    tiny: bool = False
    trial: str | None = None


@dataclass
class GenerateRoot(EvaluateRoot):
    """Root keys of ``wrank generate``."""

    generator: Any = MISSING
    audit: Any = MISSING
    judge: Any = MISSING
    estimate: bool = False


@dataclass
class AuditRoot(EvaluateRoot):
    """Root keys of ``wrank audit``."""

    audit: Any = MISSING
    judge: Any = MISSING
    generation: str | None = None


@dataclass
class MineRoot(EvaluateRoot):
    """Root keys of ``wrank mine``."""

    miner: Any = MISSING
    filter: Any = MISSING
    depth: int = 200


@dataclass
class ScoreRoot:
    """Root keys of ``wrank score``."""

    data: Any = MISSING
    teacher: Any = MISSING
    logger: Any = MISSING
    paths: Any = MISSING
    preferences: Any = MISSING
    split: str | None = None
    pairs: str | None = None
    chunk: int = 1024
    study: str = "default"
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    device: str = "auto"


@dataclass
class RunRoot(TrainRoot):
    """Root keys of ``wrank run``."""

    checkpoint: str = "last"
    baselines: list[str] = field(default_factory=list)
    reference: str | None = None


@dataclass
class DataRoot:
    """Root keys of ``wrank data``."""

    data: Any = MISSING
    paths: Any = MISSING
    action: str = "describe"
    pull: str | None = None
    revision: str = "main"
    seed: int = 0


@dataclass
class StatusRoot:
    """Root keys of ``wrank status``."""

    paths: Any = MISSING
    which: Any = None
    artifacts: bool = False
    format: str = "table"
    latest: int = 10


@dataclass
class SweepRoot:
    """Root keys of ``wrank cancel``."""

    paths: Any = MISSING
    which: Any = None


@dataclass
class ResumeRoot(SweepRoot):
    """Root keys of ``wrank resume``."""

    words: Any = None


@dataclass
class ReportRoot:
    """Root keys of ``wrank report``."""

    paths: Any = MISSING
    where: Any = None
    sets: Any = None
    measure: str | None = None
    reference: str | None = None
    alpha: float = 0.05
    title: str | None = None
    formats: Any = None
    out: str | None = None


@dataclass
class DiffRoot:
    """Root keys of ``wrank diff``."""

    paths: Any = MISSING
    runs: Any = None


@dataclass
class TraceRoot:
    """Root keys of ``wrank trace``."""

    paths: Any = MISSING
    of: Any = None


@dataclass
class SyncRoot:
    """Root keys of ``wrank sync``."""

    paths: Any = MISSING
    which: Any = None
    dry_run: bool = False
    timeout: float = 3600.0
    partial: bool = False
    command: str | None = None


@dataclass
class DashboardRoot:
    """Root keys of ``wrank dashboard``."""

    paths: Any = MISSING
    project: str = "wrank"
    entity: str | None = None
    study: Any = None
    by: Any = None
    sets: Any = None
    title: str | None = None
    out: str | None = None


@dataclass
class DoctorRoot:
    """Root keys of ``wrank doctor``."""

    paths: Any = MISSING
    deep: bool = False
    network: bool = False
    format: str = "table"
    only: list[str] = field(default_factory=list)
    warn_gib: float = 20.0
    least_gib: float = 1.0
    interpreter: str | None = None


ROOTS = {
    "generate": GenerateRoot,
    "audit": AuditRoot,
    "mine": MineRoot,
    "score": ScoreRoot,
    "train": TrainRoot,
    "evaluate": EvaluateOnlyRoot,
    "run": RunRoot,
    "data": DataRoot,
    "status": StatusRoot,
    "resume": ResumeRoot,
    "cancel": SweepRoot,
    "report": ReportRoot,
    "diff": DiffRoot,
    "trace": TraceRoot,
    "sync": SyncRoot,
    "dashboard": DashboardRoot,
    "doctor": DoctorRoot,
}
"""Verb -> its root keys."""
