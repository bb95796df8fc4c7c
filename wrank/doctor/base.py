"""The contract of a check: settings in, a finding out; and what several checks have in common."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

GIB = 2**30
_SECRET = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")


class State(StrEnum):
    """How a check ended; the later ones are worse."""

    OK = "ok"
    ABSENT = "not here"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Settings:
    """What the checks are told.

    Attributes:
        folders: a word for each folder that wrank writes to -> the folder; ``store`` and ``wandb`` are among them.
        models: folder of language models made ready for an engine.
        deep: start what is otherwise only looked for: vLLM with its schema probe, an offline run of W&B.
        network: ask the model hub and W&B's server.
        warn_gib: free space in GiB below which a disk is a warning.
        least_gib: free space in GiB below which a disk is a failure.
        interpreter: a Python that has vLLM; None: as `wrank.generator.engine.vllm_interpreter` finds it.
    """

    folders: Mapping[str, Path]
    models: Path
    deep: bool = False
    network: bool = False
    warn_gib: float = 20.0
    least_gib: float = 1.0
    interpreter: str | None = None

    @property
    def store(self) -> Path:
        """The folder of the artifacts."""
        return self.folders["store"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        state: how bad it is.
        what: what was found, in a few words.
        advice: what to do, as a sentence without its full stop.
    """

    state: State
    what: str
    advice: str


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        state: how it ended.
        found: versions, sizes, counts, and what is wrong, in a line or two.
        advice: what to do, an entry a problem; empty when all is well.
    """

    state: State
    found: str
    advice: tuple[str, ...] = ()


def finding(facts: Sequence[str], problems: Sequence[Problem] = ()) -> Finding:
    """What was found and what is wrong in one; the worst problem decides the state.

    Args:
        facts: what is well, or only good to know; empty ones are left out.
        problems: what is not.
    """
    states = list(State)
    state = max((problem.state for problem in problems), key=states.index, default=State.OK)
    words = [*[fact for fact in facts if fact], *[problem.what for problem in problems]]
    return Finding(state, "; ".join(words), tuple(dict.fromkeys(problem.advice for problem in problems)))


def absent(why: str, advice: str = "") -> Finding:
    """Nothing to check here.

    Args:
        why: the reason.
        advice: what to do for those who want it.
    """
    return Finding(State.ABSENT, why, (advice,) if advice else ())


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    path = path.expanduser().absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def in_gib(size: float) -> str:
    """Bytes as GiB, for people."""
    gib = size / GIB
    return f"{gib:,.0f} GiB" if gib >= 10 else f"{gib:.1f} GiB"


def first_line(text: str) -> str:
    """The first line that says something, not longer than 200 characters."""
    return next((line.strip() for line in text.split("\n") if line.strip()), "")[:200]


def told(error: BaseException) -> str:
    """An error's type and the first line of its message."""
    return f"{type(error).__name__}: {first_line(str(error))}".removesuffix(": ")


def ask(*command: str, seconds: float = 20.0) -> str:
    """What a program prints.

    Args:
        command: the program and its words.
        seconds: how long it may take.

    Raises:
        OSError: it cannot be started, or ends with an error; its own words are in the message.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]}: no answer in {seconds:g} s") from None
    if done.returncode != 0:
        raise OSError(f"{command[0]} ended with {done.returncode}: {first_line(done.stderr or done.stdout)}")
    return done.stdout


def without_secrets(text: str) -> str:
    """A text without the values of environment variables that look like secrets, and without logins in addresses."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 8 and not value.startswith("/"):
            text = text.replace(value, "***")
    return _LOGIN.sub("***@", text)
