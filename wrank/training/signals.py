"""Signals that ask a training to stop: remembered while it runs, answered when a checkpoint stands.

A scheduler sends them to every process of a job. Only the main process listens, one a launcher's rank; ranks and data
workers that it starts never see them (`held`, `outlive`), and learn of them through memory that they share with it.
"""

import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray
from typing import Any

from wrank.errors import Stopped

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_WAKE = signal.SIGURG  # nobody is harmed by it: it is ignored where it has no handler
_QUESTION, _STEP, _ANSWER = range(3)
_GO_ON, _LEAVE = 1, 2
_COMPANION = 3.0
"""Seconds between SIGTERM and the signal that a cluster sends along with it."""
_late: "list[Watch] | None" = None


class Watch:
    """Remembers signals from `open` to `close`; spawned ranks get a copy that shares its memory.

    A set of signals is a number here: bit i stands for ``SIGNALS[i]``.

    Args:
        steps: optimizer steps of the training, for the message.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.main = steps, os.getpid()
        self._asked = RawArray("i", len(SIGNALS))
        self._words = RawArray("i", 3)  # between rank 0 and the main process: question, step, answer
        self._before: dict[int, Any] = {}

    @property
    def is_main(self) -> bool:
        """Whether this process listens, not one that it has started."""
        return os.getpid() == self.main

    @property
    def has_left(self) -> bool:
        """Whether the ranks that this process has started were told to end."""
        return self._words[_ANSWER] == _LEAVE

    def open(self) -> None:
        """Puts our handlers in the place of those that there are; a signal that is ignored stays so."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in (*((number, self._remember) for number in SIGNALS), (_WAKE, self._reply)):
            before = signal.getsignal(number)
            if before is None or (before == signal.SIG_IGN and number != _WAKE):  # None: not one of Python's
                continue
            self._before[number] = signal.signal(number, handler)

    def close(self) -> None:
        """Puts the handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self) -> int:
        """The signals that wait for an answer."""
        return sum(1 << place for place, flag in enumerate(self._asked) if flag)

    def clear(self, signals: int) -> None:
        """Forgets signals: they are being answered."""
        for place in range(len(SIGNALS)):
            if signals >> place & 1:
                self._asked[place] = 0

    def answer(self, signals: int, step: int | None) -> None:
        """Calls the handlers that were there before ours; main process only.

        SIGTERM ends the training even where its handler returns, as submitit's does: the scheduler has ended other
        processes already, W&B's among them, and kills this one soon; what is trained until then would be told to
        nobody. The signal that a handler puts the job back into its queue on may be on its way: it is waited for.

        Args:
            signals: what is answered.
            step: the optimizer step that a checkpoint stands of; None = the training is finished.

        Raises:
            Stopped: one of the signals had no handler, or was SIGTERM.
            BaseException: what a handler raises, to end the process.
        """
        unknown = []
        signals |= self._companions(signals)
        for place, number in enumerate(SIGNALS):
            if signals >> place & 1:
                handler = self._before.get(number)
                if callable(handler):
                    handler(number, None)
                if not callable(handler) or number == signal.SIGTERM:
                    unknown.append(number.name)
        if unknown:
            raise Stopped(f"stopped by {' and '.join(unknown)} {self.place(step)}")

    def _companions(self, signals: int) -> int:
        """What comes within seconds of a SIGTERM, where a handler waits for it."""
        term = 1 << SIGNALS.index(signal.SIGTERM)
        if signals != term or not any(callable(self._before.get(one)) for one in SIGNALS if one != signal.SIGTERM):
            return 0
        until = time.monotonic() + _COMPANION
        while not (found := self.asked() & ~term) and time.monotonic() < until:
            time.sleep(0.02)
        self.clear(found)
        return found

    def place(self, step: int | None) -> str:
        """How far the training came, and how to go on, in words."""
        if step is None:
            return "after the training was finished; the same command does what comes after it"
        if step == 0:
            return "before the first optimizer step; the same command starts the training again"
        return f"after optimizer step {step} of {self.steps}; the same command goes on from there"

    def ask_main(self, signals: int, step: int) -> bool:
        """Lets the main process answer, and waits for it; for rank 0 of spawned ranks.

        Returns:
            Whether the ranks are to end.
        """
        self._words[_ANSWER] = 0
        self._words[_STEP], self._words[_QUESTION] = step, signals
        sent = 0.0
        while not self._words[_ANSWER]:
            if os.getppid() != self.main:  # it was killed
                return True
            if time.monotonic() - sent > 1:
                sent = time.monotonic()
                os.kill(self.main, _WAKE)
            time.sleep(0.02)
        return self.has_left

    def _remember(self, number: int, frame: Any) -> None:
        if self.is_main:  # a forked process has this handler, too
            self._asked[SIGNALS.index(signal.Signals(number))] = 1

    def _reply(self, number: int, frame: Any) -> None:
        question = self._words[_QUESTION]
        if not self.is_main or not question:
            return
        self._words[_QUESTION] = 0
        try:
            self.answer(question, self._words[_STEP])
        except BaseException:
            self._words[_ANSWER] = _LEAVE
            raise
        self._words[_ANSWER] = _GO_ON

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_before": {}}  # functions of the main process


@contextmanager
def watched(steps: int) -> Iterator[Watch]:
    """Remembers signals in the block; one that was not answered in it is, at its end or at that of `until_finished`.

    Args:
        steps: optimizer steps of the training.

    Raises:
        Stopped: see ``Watch.answer``.
    """
    watch = Watch(steps)
    watch.open()
    try:
        yield watch
    except BaseException:
        watch.close()
        raise
    if _late is None:
        watch.close()
        watch.answer(watch.asked(), None)
    else:
        _late.append(watch)


@contextmanager
def until_finished() -> Iterator[None]:
    """What a training was asked in its last batch is answered after the block, which makes an artifact of its folder.

    Raises:
        Stopped: see ``Watch.answer``.
    """
    global _late
    outer, _late = _late, []
    try:
        yield
    finally:
        watches, _late = _late, outer
        for watch in reversed(watches):
            watch.close()
    for watch in watches:
        watch.answer(watch.asked(), None)


@contextmanager
def held() -> Iterator[None]:
    """Signals wait until the block ends; processes that are started in it never get them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def held_from_ranks() -> Iterator[None]:
    """Ranks that are spawned in the block never get the signals, from their first moment on.

    Their default action would kill a rank while it still imports torch. The main process must get them all the while,
    so only the moment of the start is guarded, and Python has no place of its own for that.
    """
    place: Any = multiprocessing.util
    start: Callable[..., Any] = place.spawnv_passfds

    def start_held(*words: Any) -> Any:
        with held():
            return start(*words)

    place.spawnv_passfds = start_held
    try:
        yield
    finally:
        place.spawnv_passfds = start


def outlive(number: int = 0) -> None:
    """Lets a process that a training has started live through signals: only its parent's SIGTERM ends it.

    Args:
        number: of a data worker; not used.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if hasattr(signal, "sigwaitinfo"):  # not on a Mac
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    while True:
        told = signal.sigwaitinfo(SIGNALS)
        if told.si_signo == signal.SIGTERM and told.si_pid == os.getppid():
            os._exit(128 + signal.SIGTERM)
