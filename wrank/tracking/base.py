"""The contract of a tracker: where a run's figures go beside its artifact."""

from collections.abc import Mapping
from typing import Any

from wrank.tracking.identity import RunIdentity


class Tracker:
    """Tracks nothing; the base of those that do. A tracker never raises: tracking must not stop a training."""

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

    def finish(self, exit_code: int) -> None:
        """Closes the run; an exit code other than 0 marks it as failed."""
