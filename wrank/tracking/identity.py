"""What a run is called: the same names in the store, in W&B and in tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SECRET = re.compile(r"(^|[_-])(token|secret|password|passwd|api[_-]?key|credentials?|auth)([_-]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class RunIdentity:
    """A run's names.

    Attributes:
        id: derived from the stage's key, so that a resumed or repeated run is the same run.
        name: for people.
        group: the study.
        job_type: the stage: ``train`` or ``evaluate``.
        tags: words for searching.
        choices: config group -> option, e.g. ``loss -> ws2``; logged flat, so that dashboards can group by them.
        config: the resolved configuration, without secrets.
    """

    id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def flat_config(self) -> dict[str, Any]:
        """``choice_<group>`` and the configuration as dotted keys, without values under a secret's name."""
        flat = {f"choice_{group}": option for group, option in self.choices.items()}
        return flat | dict(_flatten(self.config, ""))


def _flatten(node: Any, prefix: str) -> list[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        return [(prefix, node)]
    rows: list[tuple[str, Any]] = []
    for key, value in node.items():
        if not _SECRET.search(str(key)):
            rows += _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return rows
