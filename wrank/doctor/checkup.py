"""Runs the checks one after the other, each on its own: one that crashes or hangs spoils none of the others."""

import difflib
import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wrank.doctor.base import Finding, Settings, State, told, without_secrets
from wrank.errors import WrankError

CHECKS = {
    "python": "python.look",
    "locale": "locale.look",
    "packages": "packages.look",
    "torch": "torch.look",
    "machine": "machine.look",
    "disk": "disk.look",
    "locks": "locks.look",
    "sample": "bundled.sample",
    "minilm": "bundled.minilm",
    "smollm2": "bundled.smollm2",
    "vllm": "vllm.look",
    "wandb": "wandb.look",
    "slurm": "slurm.look",
    "hub": "hub.look",
    "git": "git.look",
}
"""Check -> its function, below this package; imported when it is its turn."""
SECONDS = 120.0
"""How long a check may take."""
DEEP_SECONDS = 1200.0
"""How long one may take that starts vLLM."""


@dataclass(frozen=True)
class Checked:
    """A check that was made.

    Attributes:
        name: the check.
        finding: what it found.
        seconds: how long it took.
    """

    name: str
    finding: Finding
    seconds: float


def chosen(only: Sequence[str]) -> list[str]:
    """The checks to be made, in their order.

    Args:
        only: names of checks; none: all.

    Raises:
        WrankError: a name that no check has.
    """
    for name in only:
        if name not in CHECKS:
            near = difflib.get_close_matches(str(name), CHECKS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(CHECKS)}"
            raise WrankError(f"only=[{name}]: no such check; {hint}")
    return [name for name in CHECKS if name in only or not only]


def check_all(
    settings: Settings, names: Sequence[str], on_start: Callable[[str], None] = lambda name: None
) -> list[Checked]:
    """Makes the checks.

    Args:
        settings: what they are told.
        names: see `chosen`.
        on_start: told each check's name when its turn comes.
    """
    made = []
    for name in names:
        on_start(name)
        clock = time.monotonic()
        found = isolated(name, settings, DEEP_SECONDS if settings.deep else SECONDS)
        made.append(Checked(name, found, round(time.monotonic() - clock, 2)))
    return made


def isolated(name: str, settings: Settings, seconds: float) -> Finding:
    """One check, whatever becomes of it; its words without secrets.

    Args:
        name: the check.
        settings: what it is told.
        seconds: how long it may take: a dead network file system answers never.
    """
    found: list[Finding] = []

    def look() -> None:
        try:
            module, _, function = CHECKS[name].partition(".")
            found.append(getattr(importlib.import_module(f"wrank.doctor.{module}"), function)(settings))
        except BaseException as error:
            advice = f"This check itself broke. `wrank doctor only=[{name}]` repeats it alone"
            found.append(Finding(State.FAILURE, f"the check ended with {told(error)}", (advice,)))

    thread = threading.Thread(target=look, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        advice = "Something it looks at does not answer: a network file system that is away, or a program that hangs"
        return Finding(State.FAILURE, f"no answer in {seconds:g} s", (advice,))
    return replace(
        found[0],
        found=without_secrets(found[0].found),
        advice=tuple(without_secrets(advice) for advice in found[0].advice),
    )
