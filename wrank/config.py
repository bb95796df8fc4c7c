"""The typed root keys of each verb, the checks before any work, and nodes turned into objects."""

import difflib
import importlib
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wrank.errors import WrankError
from wrank.schema import ROOTS
from wrank.wanted import check_types

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


def register() -> None:
    """Makes the schemas known to Hydra; each primary file names its own first in its defaults."""
    store = ConfigStore.instance()
    for verb, root in ROOTS.items():
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
        check_types(OmegaConf.to_container(node, resolve=True), group, _located)  # type: ignore[arg-type]
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


def option_sets(group: str, name: str, key: str) -> bool:
    """Whether an option, or one that it inherits from, gives a key of its own group.

    Args:
        group: the config group, e.g. ``data``.
        name: the option.
        key: the key, e.g. ``mix``.

    Raises:
        WrankError: there is no such option.
    """
    node = option_node(group, name)
    if key in node:
        return True
    for one in node.get("defaults", []):
        if isinstance(one, str):
            sub, option = group, one
        else:
            (place, option), *_ = one.items()
            if not str(place).endswith("@_here_"):  # a node below: its keys are not the option's
                continue
            sub = f"{group}/{str(place).removesuffix('@_here_')}"
        if option != "_self_" and option_sets(sub, str(option), key):
            return True
    return False


def _config_folders() -> list[Path]:
    """Where options are looked for, the user's own folders first."""
    found = [conf_folder()]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        found = [Path(one.path) for one in sources if one.schema == "file"] + found
    return found


def _located(name: str) -> Any:
    """The object of a name; None where there is none, which `instantiate` tells better."""
    module, _, own = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), own, None)
    except (ImportError, ValueError):
        return None


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
    known = {field.name for root in ROOTS.values() for field in fields(root)}
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
    if cfg.get("teacher_negatives", 0) < 0:
        raise WrankError(f"teacher_negatives={cfg.teacher_negatives}: wanted a whole number from 0 up")
    limit = cfg.get("max_queries")
    if limit is not None and limit < 1:
        raise WrankError(f"max_queries={limit}: wanted a whole number from 1 up, or null for all")
    if len(cfg.get("study", "")) > 128 or not cfg.get("study", "x").strip():
        raise WrankError("study: wanted 1 to 128 characters (a W&B group name holds no more)")
