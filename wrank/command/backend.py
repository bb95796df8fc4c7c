"""The backend that ``hydra/launcher=...`` names, made from its keys."""

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from omegaconf import OmegaConf

from wrank.errors import WrankError
from wrank.launch.base import Backend
from wrank.launch.local import Local
from wrank.launch.ray import Ray
from wrank.launch.slurm import Slurm

_KINDS: dict[str, Any] = {"local": Local, "slurm": Slurm, "ray": Ray}


def make_backend(kind: str, keys: Mapping[str, Any]) -> Backend | None:
    """The backend; None for ``here``: this process.

    Args:
        kind: here, local, slurm or ray.
        keys: the launcher's other keys.

    Raises:
        WrankError: an unknown kind or key, a value of the wrong type or out of range.
    """
    if kind == "here":
        return None
    if kind not in _KINDS:
        raise WrankError(f"hydra.launcher.kind={kind}: wanted here, {', '.join(_KINDS)}")
    known = {field.name: field for field in fields(_KINDS[kind]) if not field.name.startswith("_")}
    given = {key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value for key, value in keys.items()}
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
            raise WrankError(f"hydra.launcher.{key}: no such key of hydra/launcher={kind}{hint}")
        _check_type(key, value, known[key])
    backend: Backend = _KINDS[kind](**given)
    return backend


def _check_type(key: str, value: Any, field: Any) -> None:
    default = field.default if field.default is not MISSING else field.default_factory()
    wanted: Any = type(default)
    if value is None and "None" in str(field.type):
        return
    if not isinstance(default, list | dict | str):
        wanted = float if "float" in str(field.type) else int if "int" in str(field.type) else str
    allowed = (int, float) if wanted is float else wanted
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        return  # an account or a constraint that is a number
    if not isinstance(value, allowed) or (isinstance(value, bool) and wanted is not bool):
        raise WrankError(f"hydra.launcher.{key}={value}: wanted {_WORDS.get(wanted, wanted.__name__)}")


_WORDS = {int: "a whole number", float: "a number", str: "a word", list: "a list, [a,b]", dict: "a mapping, {a: b}"}
