"""How far the running job is: a small file in its folder that ``wrank status`` reads, also from another machine.

The job's wrapper says where (`told_in`); bars and callbacks say how far (`report`). The place travels in the
environment, so that spawned ranks report, too.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic

PROGRESS = "progress.json"
_PLACE = "WRANK_PROGRESS"
_EVERY = 1.0
_begun: dict[str, tuple[float, int]] = {}
_last: dict[str, float] = {}


@contextmanager
def told_in(folder: Path) -> Iterator[None]:
    """Lets `report` write into a folder while the block runs.

    Args:
        folder: the job's.
    """
    before = os.environ.get(_PLACE)
    os.environ[_PLACE] = str(folder / PROGRESS)
    _begun.clear()
    _last.clear()
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_PLACE, None)
        else:
            os.environ[_PLACE] = before


def report(label: str, done: int, total: int, unit: str) -> None:
    """Says how far a piece of work is; written once a second, and at its first and last word. Never raises.

    Args:
        label: what is done: training, encoding, writing.
        done: units done, those of an earlier try included.
        total: units to do.
        unit: what is counted.
    """
    place = os.environ.get(_PLACE)
    clock, now = time.monotonic(), time.time()
    if place is None or (done < total and clock - _last.get(label, -_EVERY) < _EVERY):
        return
    begun, before = _begun.setdefault(label, (clock, done))
    _last[label] = clock
    began = now - (clock - begun)  # so that a clock that is set meanwhile makes no odd speed
    facts = {
        **{"label": label, "done": done, "total": total, "unit": unit},
        **{"began": began, "before": before, "at": now},
    }
    with suppress(OSError, WrankError):  # a full disk must not stop a training that has its checkpoints elsewhere
        write_atomic(Path(place), json.dumps(facts) + "\n")


def read_progress(folder: Path) -> dict[str, Any]:
    """What `report` wrote of a job; empty where there is nothing whole.

    Args:
        folder: the job's.
    """
    try:
        facts = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(facts, dict) or not all(isinstance(facts.get(key), str) for key in ("label", "unit")):
        return {}
    numbers = ("done", "total", "began", "before", "at")
    return facts if all(isinstance(facts.get(key), int | float) for key in numbers) else {}
