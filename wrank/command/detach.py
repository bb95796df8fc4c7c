"""``--detach``: the command goes on in the background, and its caller returns when the jobs are queued."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.launch.local import WRANK
from wrank.launch.sweep import SweepRecord

FLAG = "--detach"
LOG = "sweep.log"
_SAY = "WRANK_DETACHED"


def run_detached(verb: str, words: Sequence[str]) -> int:
    """Starts the command in a session of its own and waits until its jobs are queued.

    Args:
        verb: run, train, ...
        words: what stands after it, without the flag.

    Returns:
        The exit code: 0 when the jobs are queued, else that of the command, whose words are repeated.
    """
    with tempfile.TemporaryDirectory(prefix="wrank-detach-") as folder:
        said, log = Path(folder) / "said.json", Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*WRANK, verb, *words],
                env=dict(os.environ) | {_SAY: str(said)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            while process.poll() is None and not said.exists():
                time.sleep(0.1)
        except KeyboardInterrupt:  # a session of its own: it has not heard of it
            process.send_signal(signal.SIGINT)
            process.wait()
        sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))
        if not said.exists():
            return process.returncode or 0
        facts = json.loads(said.read_text(encoding="utf-8"))
    name = facts["name"]
    print(f"{name}\n`wrank status {name}` says how far it is; its table comes to {facts['log']}", flush=True)
    return 0


def is_detached() -> bool:
    """Whether this process is one that `run_detached` started, and has not let its caller go."""
    return _SAY in os.environ


def let_go(record: SweepRecord) -> None:
    """In the detached process: moves its output to the sweep's folder, and lets the caller return."""
    said = os.environ.pop(_SAY, None)
    if said is None:
        return
    log = Path(record.folder) / LOG
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    try:
        write_atomic(Path(said), json.dumps({"name": record.name, "log": str(log)}) + "\n")
    except (OSError, WrankError):
        return  # the caller was interrupted; the sweep goes on


def restart(verb: str, words: Sequence[str], cwd: str) -> None:
    """Becomes another command: this process goes on as ``wrank VERB WORDS``.

    Args:
        verb: run, train, ...
        words: what stands after it.
        cwd: the folder to start it in.
    """
    os.chdir(cwd)
    os.execv(sys.executable, [*WRANK, verb, *words])
