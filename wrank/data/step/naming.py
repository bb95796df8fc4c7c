"""What steps did, and what names what they do: for a mix's counts and its key."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wrank.data.cache import remembered_sha256
from wrank.data.step.base import Pairs, Step
from wrank.data.step.provenance import PROVENANCE, Provenance


def counts_of(where: str, step: Step) -> dict[str, int]:
    """The counts of a step that was called, by name; `where` is the part, or ``mix``."""
    counts: Mapping[str, int] = getattr(step, "counts", {})
    return {f"{where}_{type(step).__name__}_{word}": count for word, count in counts.items() if count}


def identity_of(steps: Sequence[Step], pairs: Pairs | None = None, cache: Path | None = None) -> list[Any]:
    """What can change the result of steps: their settings and, where they read it, the provenance of `pairs`."""
    facts: list[Any] = [[type(step).__name__, step.identity()] for step in steps]
    if pairs is not None and pairs.folder is not None and any(isinstance(step, Provenance) for step in steps):
        facts.append(remembered_sha256(Path(pairs.folder) / PROVENANCE, cache))
    return facts
