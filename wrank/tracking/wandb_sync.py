"""Sends offline runs to W&B's server, each once, through W&B's own command line.

What ``wandb sync`` says of itself cannot be taken for an answer: it exits with 0 whatever happens, and marks a run as
sent although its history or an artifact was refused. So a run counts as sent only when W&B has left its mark and
neither its output nor its log tells of an error; else the mark is taken away, and the run is tried again next time.

A run that went on after a kill or a preemption has a folder for each try. They are sent in the order in which they
began, one command each: W&B asks the server how far the run is and appends (runs that were opened with ``resume``), and
it notes beside the run's file where the try begins, so that a second attempt changes nothing.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import read_jsonl
from wrank.tracking.identity import scrub_text
from wrank.tracking.wandb_folder import RunFolder

_OWN = ("WANDB_MODE", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_NAME", "WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_TAGS")
_OWN_TOO = ("WANDB_SILENT", "WANDB_QUIET", "WANDB_DIR", "WANDB_SERVICE", "WANDB_PROJECT")
_RETRIES = {
    "WANDB_X_GRAPHQL_RETRY_MAX": "3",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "5",
    "WANDB_X_FILE_STREAM_RETRY_MAX": "5",
    "WANDB_X_FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "5",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "5",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "5",
}
"""W&B's own, 20 and more with waits of a minute, would keep a dead connection waiting for hours."""

_FAILURES = 3  # of one message, one after another: the connection is to blame, not the run
_NOISE = "api: HTTP error"  # in W&B's log before each error, and before each attempt that went well later
_TELLING = ("wandb: ERROR", "Error:", "wandb: Not authenticated")
_NO_REASON = "Find detailed error logs"
_LONGEST = 300  # characters of a message


class State(Enum):
    """What became of a run's folder."""

    SENT = "sent"
    FAILED = "failed"
    WRITTEN = "being written"
    WAITS = "waits"
    DUE = "would be sent"


@dataclass(frozen=True)
class Outcome:
    """What became of one folder, and why."""

    run: RunFolder
    state: State
    reason: str = ""


@dataclass(frozen=True)
class Sending:
    """How runs are sent.

    Attributes:
        command: W&B's program; None: that of this Python.
        timeout: seconds that one folder may take.
        partial: a run whose history was sent counts as sent, even if an artifact or a file was refused.
    """

    command: str | None = None
    timeout: float = 3600.0
    partial: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, int | float) or isinstance(self.timeout, bool) or not self.timeout > 0:
            raise WrankError(f"timeout={self.timeout!r}: wanted seconds above 0")


def due(runs: Iterable[RunFolder]) -> list[Outcome]:
    """What is not sent yet: what would be sent, and what is being written."""
    waiting = [run for run in runs if not run.is_sent]
    return [Outcome(run, State.WRITTEN if run.is_written() else State.DUE) for run in waiting]


def send(runs: Iterable[RunFolder], sending: Sending) -> Iterator[Outcome]:
    """Sends what was not sent yet, one folder after another, and tells of each.

    Args:
        runs: of any number of ids, oldest first.
        sending: how.
    """
    stopped: dict[str, tuple[State, str]] = {}  # id of a run -> what its later tries are, and why
    reason, failures = "", 0
    for one in due(runs):
        run = one.run
        if run.id in stopped:
            yield Outcome(run, *stopped[run.id])
        elif one.state == State.WRITTEN:
            stopped[run.id] = (State.WRITTEN, "an earlier try of it")
            yield one
        elif failures >= _FAILURES:
            yield Outcome(run, State.WAITS, f"not tried: {failures} runs before it failed with the same message")
        else:
            found = _send(run, sending)
            if found.state == State.FAILED:
                stopped[run.id] = (State.WAITS, "an earlier try of it was not sent")
                failures = failures + 1 if _alike(found, run) == reason else 1
                reason = _alike(found, run)
            else:
                reason, failures = "", 0
            yield found


def _alike(found: Outcome, run: RunFolder) -> str:
    return found.reason.replace(run.id, "").replace(run.path.name, "")


def _send(run: RunFolder, sending: Sending) -> Outcome:
    command = [*(shlex.split(sending.command) if sending.command else [sys.executable, "-m", "wandb"]), "sync"]
    with tempfile.TemporaryDirectory(prefix="wrank-sync-") as folder:
        try:
            process = subprocess.Popen(
                [*command, str(run.path)],
                cwd=folder,  # else W&B makes a folder wherever one stands
                env=_environment(os.environ, Path(folder)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise WrankError(f"{command[0]}: {error.strerror}: wanted W&B's program; `pip install wandb`") from None
        said = _wait(process, sending.timeout)
        problems = [f"no answer in {sending.timeout:g} s"] if said is None else []
        lines = _errors(said or "")
        logged = list(_logged(Path(folder)))
    marked, code = run.is_sent, process.returncode
    problems += lines + logged
    if not problems and (code != 0 or not marked):
        problems = [_last(said or "") or f"`{command[-2]} sync` ended with exit code {code} and without its mark"]
    if not problems:
        return Outcome(run, State.SENT)
    reason = scrub_text(problems[0])[:_LONGEST]
    if sending.partial and marked and code == 0 and not lines:
        return Outcome(run, State.SENT, f"its figures only: {reason}")
    run.mark.unlink(missing_ok=True)
    return Outcome(run, State.FAILED, reason)


def _environment(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if name not in (*_OWN, *_OWN_TOO)}
    return {**_RETRIES, **kept, "WANDB_DIR": str(folder)}


def _wait(process: "subprocess.Popen[str]", timeout: float) -> str | None:
    """What a program said; None when its time was up. It and what it started are ended then, and on Ctrl-C."""
    try:
        return process.communicate(timeout=timeout)[0]
    except BaseException as error:
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise


def _end(process: "subprocess.Popen[str]") -> None:
    for word in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, word)
            process.communicate(timeout=5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _errors(said: str) -> list[str]:
    """Lines that tell of an error."""
    lines = [line.strip() for line in said.split("\n")]
    found = [line.removeprefix(word).strip() for line in lines for word in _TELLING if line.startswith(word)]
    return [line for line in found if not line.startswith(_NO_REASON)]


def _logged(folder: Path) -> Iterator[str]:
    """Errors of W&B's log of a sync, which its output does not tell of: a refused artifact, say."""
    for path in sorted(folder.rglob("debug-sync*.log")):
        try:
            rows = [row for _, row in read_jsonl(path)]
        except WrankError:  # cut off
            continue
        for row in rows:
            if str(row.get("level", "")).startswith("ERROR") and not str(row.get("msg", "")).startswith(_NOISE):
                yield " ".join(str(row[key]) for key in ("msg", "error") if row.get(key))


def _last(said: str) -> str:
    lines = [line.strip() for line in said.split("\n") if line.strip()]
    return lines[-1] if lines else ""
