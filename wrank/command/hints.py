"""What Hydra's messages leave unsaid: the nearest right key or option, brackets, quotes, ``-m`` for a sweep."""

import difflib
import re

from wrank.config import option_node, options

_UNKNOWN = re.compile(r"Could not override '([^']+)'")
_OPTION = re.compile(r"Could not find '([^']+)/([^'/]+)'")
_MERGED = re.compile(r"Error merging override ([\w.]+)=(\S+)")
_LAUNCHER = "hydra.launcher."
_LIST = re.compile(r"^[^=]+=[^\[{'\"]*,")


def hint(verb: str, overrides: list[str], message: str) -> str:
    """One sentence on what to do about an error of Hydra, or "".

    Args:
        verb: train, evaluate, ...
        overrides: the words after it.
        message: Hydra's.
    """
    sweeps = [word for word in overrides if _LIST.match(word)]
    if sweeps and not {"-m", "--multirun"} & set(overrides):
        return f"{sweeps[0]} names several values: `wrank {verb} -m ...` runs one job for each"
    if "no viable alternative" in message and (broken := [word for word in overrides if _is_cut(word)]):
        return f"brackets with a blank need quotes: '{broken[0]} ...]'"
    if found := _OPTION.search(message):
        return _nearest_option(found.group(1), found.group(2))
    if found := _MERGED.search(message):
        return f"wanted a list? '{found.group(1)}=[{found.group(2)}]'"
    if found := _UNKNOWN.search(message):
        return (
            _launcher(found.group(1), verb, overrides)
            or _group(found.group(1), overrides)
            or _nearest(verb, overrides, found.group(1))
        )
    return ""


def _is_cut(word: str) -> bool:
    """Whether a shell has cut a word at a blank inside brackets."""
    return word.count("[") > word.count("]") or word.count("{") > word.count("}")


def _nearest_option(group: str, wrong: str) -> str:
    known = {name.lower(): name for name in options(group)}
    near = difflib.get_close_matches(wrong.lower(), known, 1)
    return f"did you mean {group}={known[near[0]]}?" if near else ""


def _launcher(wrong: str, verb: str, overrides: list[str]) -> str:
    """The launcher's right key, or the launcher that has it."""
    if not wrong.startswith(_LAUNCHER):
        return ""
    named = [word.partition("=")[2] for word in overrides if word.startswith("hydra/launcher=")]
    kind, key = (named or ["here"])[0], wrong.removeprefix(_LAUNCHER)
    keys = [str(one) for one in option_node("hydra/launcher", kind) if one not in ("_target_", "kind")]
    if near := difflib.get_close_matches(key, keys, 1):
        return f"did you mean {_LAUNCHER}{near[0]}?"
    others = [one for one in options("hydra/launcher") if key in option_node("hydra/launcher", one)]
    if others:
        return f"that is a key of hydra/launcher={' or '.join(others)}, and hydra/launcher={kind} is chosen"
    return f"`wrank {verb} --help hydra/launcher={kind}` lists its keys"


def _group(wrong: str, overrides: list[str]) -> str:
    """The right spelling, when the key is a group of options."""
    group = wrong.replace(".", "/")
    if "/" not in group or not (known := options(group)):
        return ""
    value = next((word.partition("=")[2] for word in overrides if word.startswith(f"{wrong}=")), known[0])
    return f"{wrong} is a group of options ({', '.join(known)}): {group}={value}"


def _nearest(verb: str, overrides: list[str], wrong: str) -> str:
    known = _known_keys(verb, [word for word in overrides if not word.startswith((wrong, "-"))])
    head, _, last = wrong.rpartition(".")
    beside = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == head}
    if near := difflib.get_close_matches(last, beside, 1):
        return f"did you mean {beside[near[0]]}?"
    head = wrong.partition(".")[0]
    mine = [key for key in known if key.startswith(f"{head}.")]
    return f"the keys of {head} are {', '.join(mine[:30])}" if mine else f"`wrank {verb} --help` lists the keys"


def _known_keys(verb: str, overrides: list[str]) -> list[str]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    from wrank.config import conf_folder

    GlobalHydra.instance().clear()
    groups = [word for word in overrides if "." not in word.partition("=")[0]]
    for chosen in (groups, []):  # another of the words may be wrong, too
        try:
            with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
                return _flat(OmegaConf.to_container(compose(config_name=verb, overrides=chosen), resolve=False))
        except Exception:
            continue
    return []


def _flat(node: object, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    keys = []
    for key, value in node.items():
        if not str(key).startswith("_"):
            keys += [f"{prefix}{key}", *_flat(value, f"{prefix}{key}.")]
    return keys
