"""A command without ``-m`` as a sweep of one job, so that ``wrank status`` and ``cancel`` know it, too."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from wrank.errors import WrankError
from wrank.launch.base import SWEEP_FOLDER
from wrank.launch.record import JobRecord
from wrank.launch.sweep import SweepJob, SweepRecord, forget, new_name, sweeps
from wrank.manifest import git_state

_KEPT = 200


def note_single(store: Path, folder: Path, record: JobRecord, study: str) -> None:
    """Writes the sweep's record of a job that is none of a sweep's.

    Args:
        store: the store's folder.
        folder: the job's.
        record: the job.
        study: name of the study.
    """
    if SWEEP_FOLDER in os.environ or HydraConfig.get().mode != RunMode.RUN:
        return
    # without a Slurm id: the allocation that it was typed in holds more than it
    job = SweepJob(0, record.overrides, record.key, str(folder.absolute()))
    sweep = SweepRecord(
        name="",
        verb=record.verb,
        words=tuple(sys.argv[1:]),
        cwd=str(Path.cwd()),
        folder=str(folder.absolute()),
        backend="here",
        jobs=[job],
        started=record.started,
        host=record.host,
        pid=record.pid,
        commit=str(git_state().get("commit", "")),
    )
    with suppress(WrankError, OSError):  # whatever is wrong with the store, the job itself says it better
        sweep.name = new_name(store, study, record.verb)
        sweep.write(store)
        singles = [one for one in sweeps(store) if [job.folder for job in one.jobs] == [one.folder]]
        for old in singles[:-_KEPT]:
            forget(store, old)
