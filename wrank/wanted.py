"""Whether a value of the configuration has the type that its parameter names: told before Python trips over it."""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from wrank.errors import WrankError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "null"}


def check_types(node: Mapping[str, Any], place: str, locate: typing.Callable[[str], Any]) -> None:
    """Refuses values whose type their parameter does not take; parameters of other types are their classes' business.

    Args:
        node: plain values; every mapping below it that has a ``_target_`` is checked.
        place: the node's key.
        locate: name of a class or function -> the object, or None.

    Raises:
        WrankError: the first value that does not fit, with what was wanted.
    """
    for where, one in _targets(node, place):
        known = _simple_types(locate(str(one["_target_"])))
        for key, value in one.items():
            if value is not None and key in known and not _fits(value, known[key]):  # null: classes say what is missing
                wanted = " or ".join(_word(kind) for kind in known[key])
                raise WrankError(f"{where}.{key}={_spelled(value)}: wanted {wanted}")


def _targets(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield place, node
        for key, value in node.items():
            yield from _targets(value, f"{place}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _targets(value, f"{place}.{number}")


def _simple_types(target: Any) -> dict[str, tuple[Any, ...]]:
    """Parameter -> the types that it takes, for parameters that take nothing but words, numbers, truth values, null."""
    if target is None:
        return {}
    try:
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError):  # a name that is imported for type checkers alone
        return {}
    found = {}
    for name, hint in hints.items():
        is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        kinds = typing.get_args(hint) if is_union else (hint,)
        if name != "return" and all(kind in _WORDS or typing.get_origin(kind) is typing.Literal for kind in kinds):
            found[name] = kinds
    return found


def _fits(value: Any, kinds: tuple[Any, ...]) -> bool:
    return any(_is(value, kind) for kind in kinds)


def _is(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if kind is float:
        return isinstance(value, int | float)
    if kind is int:
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if kind is str:  # a name may look like a number
        return isinstance(value, str | int | float)
    return value is None


def _word(kind: Any) -> str:
    return ", ".join(map(str, typing.get_args(kind))) if typing.get_origin(kind) is typing.Literal else _WORDS[kind]


def _spelled(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{...}" if isinstance(value, dict) else "[...]"
    return (
        {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )
