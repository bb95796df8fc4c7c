"""Configurations as dotted keys, and what tells two or more of them apart."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

NONE = "–"
"""Shown where a configuration has no such key."""

CHOICE = "choice."
"""Before the name of a config group, whose value is the chosen option."""

_LONGEST = 120  # characters of a value in a table


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """A tree as dotted keys; a list is one value, an empty mapping too."""
    if not isinstance(node, Mapping) or (not node and prefix):
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def differing(trees: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of flat trees whose values are not the same in all of them, in the order in which they come first."""
    keys = dict.fromkeys(key for tree in trees for key in tree)
    return [key for key in keys if len({_canonical(tree, key) for tree in trees}) > 1]


def shown(tree: Mapping[str, Any], key: str) -> str:
    """A value for people: a hash is shortened, a long list is cut, what is not there is a dash."""
    if key not in tree:
        return NONE
    value = tree[key]
    if is_hash(value):
        return str(value)[:8]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def is_hash(value: Any) -> bool:
    """Whether a value is a SHA-256 in hex: a key, a fingerprint."""
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def labels(trees: Sequence[Mapping[str, Any]]) -> list[str]:
    """Words that tell flat trees apart: ``loss.temperature=0.1``; the fewest of the differing keys that do it.

    A key is taken when it tells more of them apart than the keys before it; names of options first, classes and hashes
    last.
    """

    def rank(key: str) -> tuple[bool, bool, bool]:
        return not key.startswith(CHOICE), key.endswith("_target_"), any(map(is_hash, _values(trees, key)))

    keys = sorted(differing(trees), key=rank)
    kept: list[str] = []
    for key in keys:
        if _apart(trees, [*kept, key]) > _apart(trees, kept):
            kept.append(key)
    kept = [key for key in kept if _apart(trees, [one for one in kept if one != key]) < _apart(trees, kept)] or kept
    names = {key: key.removeprefix("inputs.").removeprefix(CHOICE) for key in kept}
    return [", ".join(f"{name}={_short(tree, key)}" for key, name in names.items()) for tree in trees]


def _short(tree: Mapping[str, Any], key: str) -> str:
    """The value, or the first of those below the key where it is a branch in this tree."""
    below = next((one for one in tree if one.startswith(f"{key}.")), key)
    return shown(tree, key if key in tree else below)


def _values(trees: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [tree.get(key) for tree in trees]


def _apart(trees: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
    return len({tuple(_canonical(tree, key) for key in keys) for tree in trees})


def _canonical(tree: Mapping[str, Any], key: str) -> str:
    return json.dumps(tree[key], sort_keys=True, default=str) if key in tree else "\0"
