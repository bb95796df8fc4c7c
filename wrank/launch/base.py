"""The contract of a backend: where a sweep's jobs run."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from wrank.errors import WrankError
from wrank.launch.plan import Planned
from wrank.launch.sweep import SweepRecord

SWEEP_FOLDER, JOB_KEY = "WRANK_SWEEP", "WRANK_JOB_KEY"
"""Environment of a job: its sweep's folder (its tables come at the end), and the key that it was queued with."""


class Backend:
    """Runs jobs, each as the command that a person would type. Knows neither Hydra nor what a job does."""

    name = ""
    patience = 30
    """Looks, a second apart, at a job that is gone before it is lost: a file system may show its last word late."""

    stops_with_us = False
    """Whether the jobs are this machine's, and SIGTERM for the waiting command is meant for them, too."""

    def check(self, planned: Sequence[Planned]) -> None:
        """Refuses what cannot run here, before anything is started.

        Raises:
            WrankError: no such scheduler, too few devices.
        """

    def rehearse(self, planned: Sequence[Planned]) -> tuple[list[str], int]:
        """What the scheduler says of such jobs, without starting or queueing any.

        Returns:
            Lines for a person, and how many of the jobs would be refused, or never start.

        Raises:
            WrankError: as `check`.
        """
        self.check(planned)
        return [], 0

    def start(self, planned: Sequence[Planned], commands: Mapping[int, Sequence[str]], sweep: Path) -> dict[int, str]:
        """Starts jobs, or queues them; returns before they end.

        Args:
            planned: the jobs to start.
            commands: job's number -> the words after ``wrank``.
            sweep: the sweep's folder.

        Returns:
            Job's number -> the id by which the scheduler knows it; empty without a scheduler.
        """
        raise NotImplementedError

    def scheduler(self, record: SweepRecord) -> dict[str, str] | None:
        """The scheduler's words on a sweep's jobs (id -> state), or None: there is none, or it does not answer."""
        return None

    def tend(self) -> None:
        """Called every second while jobs are open: to start the next ones."""

    def ended(self) -> Mapping[int, int]:
        """Number -> exit code of the jobs whose end this process has seen itself, whatever they wrote of it."""
        return {}

    def close(self) -> None:
        """Called when no job is open any more."""

    def cancel(self) -> None:
        """Stops what this process has started and what waits."""


def environment_of(planned: Planned, sweep: Path) -> dict[str, str]:
    """What a job's environment has beside this process's own."""
    return {SWEEP_FOLDER: str(sweep), JOB_KEY: planned.job.key}


def named(key: str, words: Sequence[str]) -> dict[str, str]:
    """``NAME:VALUE`` words as a mapping: Hydra's command line adds to no mapping of a file, and wants ``=`` in quotes.

    Args:
        key: the launcher's key that they are of, for the message.
        words: the words.

    Raises:
        WrankError: a word with neither ``:`` nor ``=``.
    """
    found = {}
    for word in words:
        name, *value = re.split("[:=]", word, maxsplit=1)
        if not value:
            raise WrankError(f"hydra.launcher.{key}: {word!r}: wanted NAME:VALUE")
        found[name.strip()] = value[0].strip()
    return found
