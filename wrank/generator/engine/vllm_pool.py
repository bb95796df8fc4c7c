"""Processes that hold vLLM, seen from wrank: started side by side, fed by pipes, ended with everything they started.

Each is the leader of its own session, so that Ctrl-C reaches wrank alone and the whole group can be ended; it ends by
itself when its pipe does, so that nothing is left over even when wrank is killed. What vLLM prints goes to a temporary
file, shown when it dies.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from wrank.errors import WrankError
from wrank.generator.engine.vllm_advice import advice, last_lines

SCRIPT = Path(__file__).with_name("vllm_worker.py")
_GRACE = 8.0  # seconds until a process that was asked to end is killed
_LOOK = 1.0  # seconds between two looks at processes that say nothing
_LOG_END = 200_000  # bytes of a log that are read for advice
_SAME_LINES = "Replies that came before are kept: once it is put right, the same command goes on from there."


@dataclass(frozen=True)
class Event:
    """What a process said; an empty message: its pipe ended."""

    worker: "Worker"
    message: dict[str, Any]


class Worker:
    """One process.

    Args:
        command: interpreter and script; the two pipes' numbers are added.
        environment: its environment variables, all of them.
        first: the first message.
        events: where what it says is put.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], first: Any, events: "queue.SimpleQueue[Event]"
    ) -> None:
        number, log = tempfile.mkstemp(prefix="wrank-vllm-", suffix=".log")
        self.log = Path(log)
        there, here = os.pipe(), os.pipe()  # (read, write): to the process, from it
        try:
            self.process = subprocess.Popen(
                [*command, str(there[0]), str(here[1])],
                stdin=subprocess.DEVNULL,
                stdout=number,
                stderr=number,
                env=dict(environment),
                pass_fds=(there[0], here[1]),
                start_new_session=True,
            )
        finally:
            for descriptor in (number, there[0], here[1]):
                os.close(descriptor)
        self.facts: dict[str, Any] = {}
        self.open: set[int] = set()  # requests taken and not answered
        self.heard = time.monotonic()
        self.keep_log = False
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sink = os.fdopen(there[1], "w", encoding="utf-8")
        source = os.fdopen(here[0], encoding="utf-8", errors="replace", newline="\n")
        threading.Thread(target=_speak, args=(self._outbox, sink), daemon=True).start()
        threading.Thread(target=_listen, args=(self, source, events), daemon=True).start()
        self.send(first)

    def send(self, message: Any) -> None:
        """Sends a message, by a thread: a process that hangs would stop reading, and block the caller."""
        self._outbox.put(message)

    def take(self, number: int, message: Any) -> None:
        """Hands it a request."""
        if not self.open:
            self.heard = time.monotonic()
        self.open.add(number)
        self.send(message)

    def end(self) -> None:
        """Asks it to end; see `Pool.close` for the rest."""
        self._outbox.put(None)

    def kill(self) -> None:
        """Ends it and everything it started, and removes its log if it did not die."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if not self.keep_log:
            self.log.unlink(missing_ok=True)

    def death(self, what: str) -> WrankError:
        """The error that says how it ended, with what is known about the cause."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=_LOOK)
        code = self.process.poll()
        log = ""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as file:  # somebody may clear /tmp
            file.seek(max(0, self.log.stat().st_size - _LOG_END))
            log = file.read().decode("utf-8", errors="replace")
        number = -code if code is not None and code < 0 else None
        how = f" (signal {number})" if number else f" (exit code {code})" if code else ""
        self.keep_log = True
        do = advice(f"{log}\n{what}", number)
        return WrankError(
            f"vLLM's process {what}{how}.{f' What to do: {do}.' if do else ''} {_SAME_LINES} The last lines of its "
            f"log, {self.log}:\n{last_lines(log) or '  (nothing)'}"
        )


def _speak(outbox: "queue.SimpleQueue[Any]", sink: TextIO) -> None:
    # a process that is gone is noticed by what it no longer says
    with contextlib.suppress(BrokenPipeError), sink:
        while (message := outbox.get()) is not None:
            sink.write(json.dumps(message) + "\n")
            sink.flush()


def _listen(worker: Worker, source: TextIO, events: "queue.SimpleQueue[Event]") -> None:
    with source:
        for line in source:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict) or not message:
                message = {"fatal": f"said what is no message ({line[:80]!r})"}
            events.put(Event(worker, message))
    events.put(Event(worker, {}))


class Pool:
    """The processes of one engine.

    Args:
        command: interpreter and script.
        environments: one process each.
        first: the first message for all.
    """

    def __init__(self, command: Sequence[str], environments: Sequence[Mapping[str, str]], first: Sequence[Any]) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.workers: list[Worker] = []
        try:
            for environment, message in zip(environments, first, strict=True):
                self.workers.append(Worker(command, environment, message, self._events))
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self, seconds: float) -> None:
        """Returns when every process has loaded its model.

        Raises:
            WrankError: one died, or was not ready in time.
        """
        end = time.monotonic() + seconds
        while any(not worker.facts for worker in self.workers):
            event = self._next()
            if event is not None and "ready" in event.message:
                event.worker.facts = event.message["ready"]
            slow = next((worker for worker in self.workers if not worker.facts), None)
            if slow is not None and time.monotonic() > end:
                raise slow.death(f"was not ready after {seconds:g} s (generator.engine.start_timeout)")

    def next_reply(self, stall_seconds: float) -> dict[str, Any]:
        """Waits for the next reply of any process.

        Raises:
            WrankError: one died, or has work and gave no sign of life for so long.
        """
        while True:
            event = self._next()
            now = time.monotonic()
            if event is not None:
                event.worker.heard = now
            for worker in self.workers:
                if worker.open and now - worker.heard > stall_seconds:
                    raise worker.death(
                        f"has given no sign of life for {stall_seconds:g} s (generator.engine.stall_timeout)"
                    )
            if event is not None and "n" in event.message:
                event.worker.open.discard(event.message["n"])
                return event.message

    def _next(self) -> Event | None:
        """The next message, or None after a while without one; raises when a process is gone."""
        try:
            event = self._events.get(timeout=_LOOK)
        except queue.Empty:
            for worker in self.workers:
                if worker.process.poll() is not None:  # its children may hold the pipe open
                    raise worker.death("died") from None
            return None
        if not event.message:
            raise event.worker.death("died")
        if "fatal" in event.message:
            raise event.worker.death(f"gave up: {event.message['fatal']}")
        return event

    def close(self) -> None:
        """Ends all processes: by asking, and after some seconds by force; at once those that still load."""
        for worker in self.workers:
            worker.end()
        end = time.monotonic() + _GRACE
        for worker in self.workers:
            if worker.facts and not worker.keep_log:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(timeout=max(0.0, end - time.monotonic()))
            worker.kill()
        self.workers = []
