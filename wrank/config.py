"""The typed root keys of each verb, the checks before any work, and nodes turned into objects."""

import difflib
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wrank.errors import WrankError

_FULL_KEY = re.compile(r"full_key: (\S+)")
_ITEM = re.compile(r"([a-z_])(\d+)(?=\.|$)")
_STEP = re.compile(r"\.(parts|steps)\.")
_TEACHER_KEY = re.compile(r"\bteacher\.(?=[a-z_]+=)")
_MISSING = re.compile(r"Missing mandatory value: (\S+)")


def conf_folder() -> Path:
    """The folder of the configuration: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise WrankError(f"no conf/ in {package} or beside it: the installation is broken, install wrank again")


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
    synthetic: str = "add"
    max_queries: int | None = None


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


_ROOTS = {
    "generate": GenerateRoot,
    "audit": AuditRoot,
    "mine": MineRoot,
    "score": ScoreRoot,
    "train": TrainRoot,
    "evaluate": EvaluateOnlyRoot,
    "run": RunRoot,
    "data": DataRoot,
    "status": StatusRoot,
}


def tiny_source(pooling: str) -> str:
    """The tiny random model that stands for one with this pooling in a dry run (``debug=smoke``)."""
    return "random:tiny_decoder" if pooling == "last" else "random:tiny"


def register() -> None:
    """Makes the schemas known to Hydra; each primary file names its own first in its defaults."""
    OmegaConf.register_new_resolver("tiny_source", tiny_source, replace=True)
    store = ConfigStore.instance()
    for verb, root in _ROOTS.items():
        store.store(group="schema", name=verb, node=root, package="_global_", provider="wrank")


def build(cfg: DictConfig, group: str, **extra: Any) -> Any:
    """Makes the object that a group's node names.

    Args:
        cfg: the whole configuration.
        group: the node's key, e.g. ``loss`` or ``data.source``.
        extra: arguments that are not configuration.

    Raises:
        WrankError: an unknown key, with the nearest right one; a value the object refuses; a missing value (``???``).
    """
    node = OmegaConf.select(cfg, group)
    if node is None or "_target_" not in node:
        raise WrankError(
            f"{group}: nothing to build (no _target_); choose an option of the group, see `wrank VERB --help`"
        )
    try:
        missing = sorted(OmegaConf.missing_keys(cfg))
        if missing:
            raise WrankError(f"{missing[0]} has no value: give it on the command line, {missing[0]}=...")
        return instantiate(node, **extra, _convert_="all")
    except InstantiationException as error:
        place = _place(cfg, group, error)
        if isinstance(error.__cause__, WrankError):
            if _STEP.search(place) and place not in str(error.__cause__):  # a step does not know where it stands
                raise WrankError(f"{place}: {error.__cause__}") from None
            raise as_typed(error.__cause__, place) from None
        raise WrankError(_explain(place, OmegaConf.select(cfg, place), error)) from error
    except OmegaConfBaseException as error:
        if found := _MISSING.search(str(error)):
            raise WrankError(f"{found[1]} has no value: give it on the command line, {found[1]}=...") from error
        raise WrankError(f"{group}: {str(error).strip().split(chr(10))[0]}") from error


def as_typed(error: WrankError, place: str) -> WrankError:
    """What a teacher says of ``teacher.KEY=VALUE``, with the keys of its own place: ``evaluation.reranker.scorer``."""
    return WrankError(_TEACHER_KEY.sub(f"{place}.", str(error))) if place.endswith(".scorer") else error


def _place(cfg: DictConfig, group: str, error: InstantiationException) -> str:
    """The key of the node that could not be made, or `group`."""
    inner = _FULL_KEY.search(str(error))
    places = [inner[1], _ITEM.sub(r"\1.\2", inner[1])] if inner else []  # Hydra writes steps0 for steps.0
    return next((one for one in places if OmegaConf.is_config(OmegaConf.select(cfg, one))), group)


def options(group: str) -> list[str]:
    """The options of a group, those of the user's own ``--config-dir`` included, sorted."""
    return sorted({path.stem for folder in _config_folders() for path in (folder / group).glob("*.yaml")})


def build_option(group: str, name: str) -> Any:
    """Makes the object of an option that was not chosen on the command line: a baseline, say.

    Args:
        group: the config group, e.g. ``model``.
        name: the option; one without defaults of its own.

    Raises:
        WrankError: see `build`.
    """
    return build(DictConfig({group: option_node(group, name)}), group)


def option_node(group: str, name: str) -> DictConfig:
    """The node of an option that was not chosen on the command line; one without defaults of its own.

    Raises:
        WrankError: there is no such option.
    """
    for folder in _config_folders():
        if (path := folder / group / f"{name}.yaml").is_file():
            node = OmegaConf.load(path)
            assert isinstance(node, DictConfig)
            return node
    raise WrankError(f"{group}={name}: no such option; there are {', '.join(options(group))}")


def _config_folders() -> list[Path]:
    """Where options are looked for, the user's own folders first."""
    found = [conf_folder()]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        found = [Path(one.path) for one in sources if one.schema == "file"] + found
    return found


def _explain(group: str, node: DictConfig, error: InstantiationException) -> str:
    cause = error.__cause__ or error
    text = str(cause).strip().split("\n")[0]
    if "unexpected keyword argument" in text:
        key = text.rsplit("'", 2)[-2]
        near = difflib.get_close_matches(key, _parameters(node), 1)
        return f"{group}.{key}: no such key" + (
            f"; did you mean {group}.{near[0]}?" if near else f" of {node._target_}"
        )
    return f"{group} ({node._target_}): {type(cause).__name__}: {text}"


def _parameters(node: DictConfig) -> list[str]:
    import inspect

    from hydra.utils import get_object

    return list(inspect.signature(get_object(node._target_)).parameters)


def plain(cfg: DictConfig, group: str) -> Any:
    """A node as plain Python values, interpolations resolved.

    Raises:
        WrankError: a value that is missing or cannot be resolved.
    """
    try:
        node = OmegaConf.select(cfg, group, throw_on_missing=True)
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if OmegaConf.is_config(node) else node
    except OmegaConfBaseException as error:
        raise WrankError(f"{group}: {str(error).strip().split(chr(10))[0]}") from error


def check_root(cfg: DictConfig) -> None:
    """Checks the root keys' values.

    Raises:
        WrankError: a value out of its range.
    """
    known = {field.name for root in _ROOTS.values() for field in fields(root)}
    if unknown := [str(key) for key in cfg if key not in known]:
        near = difflib.get_close_matches(unknown[0], known, 1)
        raise WrankError(
            f"{unknown[0]}: no such key" + (f"; did you mean {near[0]}?" if near else ": see `wrank VERB --help`")
        )
    if cfg.get("seed", 0) < 0 or cfg.get("seed", 0) >= 2**32:
        raise WrankError(f"seed={cfg.seed}: wanted a whole number from 0 to {2**32 - 1}")
    if cfg.get("device", "auto") not in ("auto", "cpu", "cuda", "mps"):
        raise WrankError(f"device={cfg.device}: wanted auto, cpu, cuda or mps")
    if cfg.get("checkpoint", "best") not in ("best", "last"):
        raise WrankError(f"checkpoint={cfg.checkpoint}: wanted best (by the dev queries) or last")
    if cfg.get("synthetic", "add") not in ("add", "only"):
        raise WrankError(f"synthetic={cfg.synthetic}: wanted add (beside the real judgements) or only (in their place)")
    limit = cfg.get("max_queries")
    if limit is not None and limit < 1:
        raise WrankError(f"max_queries={limit}: wanted a whole number from 1 up, or null for all")
    if len(cfg.get("study", "")) > 128 or not cfg.get("study", "x").strip():
        raise WrankError("study: wanted 1 to 128 characters (a W&B group name holds no more)")
