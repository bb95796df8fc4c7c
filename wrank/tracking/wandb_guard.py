"""Keeps a tracking service from stopping or slowing a job: errors become warnings, and waiting has an end."""

import errno
import functools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from wrank.tracking.identity import scrub_text

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])
_GIVEN_UP = "W&B: %s; this run goes on without it (the artifacts in the store are complete)"
_NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def never_raises(method: F) -> F:
    """Turns an error of the tracking service into one warning; the run goes on without it."""

    @functools.wraps(method)
    def guarded(self: Any, *words: Any, **named: Any) -> Any:
        if self.broken:
            return None
        try:
            return method(self, *words, **named)
        except Exception as error:  # whatever W&B raises: time-outs, full disks, its own bugs
            self.broken = True
            log.warning(_GIVEN_UP, _told(error))
            return None

    return cast(F, guarded)


def never_matters(method: F) -> F:
    """The same for what stands beside the figures: the figures go on, and each such error is told once."""

    @functools.wraps(method)
    def guarded(self: Any, *words: Any, **named: Any) -> Any:
        if self.broken:
            return None
        try:
            return method(self, *words, **named)
        except Exception as error:
            if isinstance(error, TimeoutError) or getattr(error, "errno", None) in _NO_PLACE:
                self.broken = True  # what comes next would fail, or be waited for, again
                log.warning(_GIVEN_UP, _told(error))
            elif (told := _told(error)) not in self.told:
                self.told.add(told)
                log.warning("W&B: %s was left out: %s", f"{method.__name__} {words[0] if words else ''}", told)
        return None

    return cast(F, guarded)


def within(seconds: float, what: str, call: Callable[[], Any]) -> None:
    """Calls something that may wait for a server.

    Args:
        seconds: how long it is waited for; what takes longer goes on unseen, and ends with the process.
        what: is done, for the message.
        call: does it.

    Raises:
        TimeoutError: it took longer.
        Exception: what it raises.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=f"wandb-{what}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"{what}: no answer in {seconds:g} s")
    if raised:
        raise raised[0]


@contextmanager
def clean_arguments() -> Iterator[None]:
    """Keeps secrets of the command line out of what W&B writes down of it, while the block runs."""
    before: Sequence[str] = sys.argv
    sys.argv = [scrub_text(word) for word in before]
    try:
        yield
    finally:
        sys.argv = list(before)


def _told(error: Exception) -> str:
    return scrub_text(": ".join(filter(None, (type(error).__name__, str(error)))))
