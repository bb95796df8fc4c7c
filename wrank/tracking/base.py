"""The contract of a tracker: where a run's figures go beside its artifact."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from wrank.errors import Pruned, Stopped
from wrank.tracking.identity import RunIdentity

Role = Literal["made", "used"]
"""What an artifact is to a run."""


class Tracker:
    """Tracks nothing; the base of those that do. A tracker never raises: tracking must not stop a training.

    Attributes:
        wants_artifacts: whether it does anything with `artifact`, so that nothing is looked up in vain.
    """

    wants_artifacts: bool = False

    def start(self, identity: RunIdentity) -> None:
        """Opens the run, or goes on with the one of the same id."""

    def lightning_loggers(self, first_step: int = 0) -> list[Any]:
        """Loggers for Lightning's trainer; empty when there are none.

        Args:
            first_step: what is added to each step: those of the trainings that the run holds already.
        """
        return []

    def log(self, figures: Mapping[str, float]) -> None:
        """Adds figures that belong to the whole run, e.g. ``test/<set>/<measure>``; nothing when no run is open."""

    def table(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], texts: Collection[str] = ()
    ) -> None:
        """Adds a table; nothing when no run is open.

        Args:
            name: what it is called.
            columns: their heads.
            rows: read only as far as the tracker wants.
            texts: the columns that are texts of the data, which go as they are: nothing secret is looked for in them.
        """

    def page(self, name: str, path: Path) -> None:
        """Adds an HTML page; nothing when no run is open.

        Args:
            name: what it is called.
            path: the page, whole in itself.
        """

    def artifact(self, manifest_folder: Path, role: Role) -> None:
        """Adds an artifact of the store to the run's lineage; nothing when no run is open.

        Args:
            manifest_folder: the finished artifact's folder.
            role: ``used`` for what the run was made from, told before what it ``made``.
        """

    def data(self, name: str, fingerprint: str, facts: Mapping[str, Any]) -> None:
        """Adds a collection to the run's lineage as what it was made from; nothing when no run is open.

        Args:
            name: the collection's.
            fingerprint: SHA-256 of its content: the version.
            facts: counts, and under ``inputs`` the content keys of the artifacts that it holds; no texts.
        """

    def pause(self) -> None:
        """Closes the run as one that will go on: the job was preempted, and the same command continues it."""

    def finish(self, exit_code: int) -> None:
        """Closes the run; an exit code other than 0 marks it as failed."""


_open: list[Tracker] = []
_PATIENCE = 20.0
"""Seconds that a job that must go has for its trackers: a server that does not answer must not cost the job."""


def pause_open(patience: float = _PATIENCE) -> None:
    """Closes what `closing` keeps open as preempted, while a scheduler still lets other processes than this one live.

    Nothing is tracked afterwards: for the moment before a job is put back into its queue, which ends its processes.

    Args:
        patience: seconds that it may take in all; what is not closed then is left.
    """
    until = time.monotonic() + patience
    for tracker in list(_open):
        thread = threading.Thread(target=tracker.pause, name="pause", daemon=True)
        thread.start()
        thread.join(max(0.0, until - time.monotonic()))


@contextmanager
def closing(tracker: Tracker) -> Iterator[Tracker]:
    """Closes the run after the block: as finished, as paused when a signal stopped the work, or as failed.

    A training that a search pruned is over, and has not failed: its last step and dev score go into the summary.
    A job that was put back into its queue leaves by ``SystemExit`` (submitit's handler), or by `Stopped`.

    Args:
        tracker: its run may not have been opened.
    """
    _open.append(tracker)
    try:
        yield tracker
    except Pruned as error:
        tracker.log({"pruned/step": error.step, "pruned/score": error.score})
        tracker.finish(0)
        raise
    except (Stopped, SystemExit):
        tracker.pause()
        raise
    except BaseException:
        tracker.finish(1)
        raise
    finally:
        _open.remove(tracker)
    tracker.finish(0)
