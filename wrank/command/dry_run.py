"""``--dry-run``: composes and checks every job of a sweep, prints what they would take, starts nothing."""

import copy
from collections.abc import Callable, Sequence

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from wrank.command.job import check_mix, own_choices
from wrank.errors import WrankError
from wrank.launch.base import Backend
from wrank.launch.plan import Planned
from wrank.tracking.progress import note, progress_bar

FLAG = "--dry-run"


def dry_run(
    verb: str, configs: Sequence[DictConfig], backend: Backend | None, planned: Callable[[DictConfig], Planned]
) -> None:
    """Prints the table of jobs and ends the program: 0, or 2 when a job would fail.

    Args:
        verb: run, train, ...
        configs: each job's whole configuration, Hydra's node included.
        backend: where the jobs would run, which is asked about those that are sound; None = here.
        planned: a job's size, of its configuration.

    Raises:
        SystemExit: always.
    """
    from wrank.stage.context import Context
    from wrank.stage.estimate import JobEstimate, estimate_job
    from wrank.tracking.plan import print_plan

    words = [list(map(str, one.hydra.overrides.task)) for one in configs]
    common = set.intersection(*map(set, words)) if len(words) > 1 else set()
    jobs: list[tuple[str, dict[str, str], JobEstimate]] = []
    with progress_bar("checking", len(configs), "jobs") as advance:
        for config, own in zip(configs, words, strict=True):
            chosen = own_choices(config.hydra.runtime.choices)
            HydraConfig.instance().set_config(config)
            task = copy.deepcopy(config)
            with open_dict(task):
                del task["hydra"]
            try:
                check_mix(chosen)
                estimate = estimate_job(Context(task, chosen), elsewhere=config.hydra.launcher.kind in ("slurm", "ray"))
            except WrankError as error:
                estimate = JobEstimate(problems=(str(error),), rows={})
            apart = dict(word.lstrip("+").split("=", 1) for word in own if word not in common and "=" in word)
            jobs.append((f"#{config.hydra.job.num}", apart, estimate))
            advance(1)
    print_plan(jobs)
    sound = [config for config, (_, _, estimate) in zip(configs, jobs, strict=True) if not estimate.problems]
    failing = len(jobs) - len(sound)
    if sound and backend is not None:
        failing += _refused(backend, list(map(planned, sound)))
    note(f"wrank {verb}: {len(jobs)} jobs checked, {failing} of them would fail; nothing was started")
    raise SystemExit(2 if failing else 0)


def _refused(backend: Backend, planned: Sequence[Planned]) -> int:
    """Prints what the backend says of the jobs; how many of them it would refuse."""
    try:
        lines, refused = backend.rehearse(planned)
    except WrankError as error:
        lines, refused = [str(error)], len(planned)
    for line in lines:
        note(line)
    return refused
