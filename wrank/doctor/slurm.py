"""Slurm: its commands, partitions and accounting, and whether its nodes would see the store."""

import os
import shutil
from collections.abc import Sequence

from wrank.doctor.base import Finding, Problem, Settings, State, absent, ask, finding, told
from wrank.doctor.mounts import mount_of
from wrank.doctor.packages import installed

_FORMAT = "%R|%a|%D|%T|%l|%G"
_NO_CLUSTER = ("resolve_ctls_from_dns_srv", "configuration source")
_DEAD = ("down", "drain", "fail", "unk", "inval", "error")


def look(settings: Settings) -> Finding:
    """Asks the controller for its partitions and settings."""
    missing = [name for name in ("sbatch", "sinfo") if shutil.which(name) is None]
    if missing:
        return absent(
            f"no {' and no '.join(missing)} on the PATH: no Slurm, or a node without its commands",
            "On a cluster: log in to a node that submits jobs, or `module load slurm`",
        )
    try:
        rows = [
            line.split("|") for line in ask("sinfo", "-h", "-o", _FORMAT).strip().split("\n") if line.count("|") >= 5
        ]
        config = _config()
    except OSError as error:
        if any(words in str(error) for words in _NO_CLUSTER):
            why = "Slurm's commands are here, but no slurm.conf that names a controller"
            return absent(why, "On a cluster: `export SLURM_CONF=/path/to/slurm.conf`, or ask the administrator")
        advice = "Is slurmctld running, and does SLURM_CONF name the right file? `scontrol ping` says more"
        return finding([], [Problem(State.FAILURE, f"Slurm does not answer: {told(error)}", advice)])
    version = config.get("SLURM_VERSION", "")
    facts = [f"Slurm {version}".strip(), *partitions(rows)]
    storage = config.get("AccountingStorageType", "accounting_storage/none")
    facts.append("accounting on" if storage != "accounting_storage/none" else "no accounting (sacct fails: harmless)")
    if job := os.environ.get("SLURM_JOB_ID"):
        facts.append(f"inside job {job}")
    return finding(facts, _problems(rows, config, settings))


def partitions(rows: Sequence[Sequence[str]]) -> list[str]:
    """What each partition has: nodes by state, time limit, GPUs.

    Args:
        rows: of sinfo: partition, availability, nodes, state, time limit, generic resources.
    """
    found: dict[str, list[str]] = {}
    limits: dict[str, str] = {}
    for name, available, nodes, state, limit, resources in (row[:6] for row in rows):
        gpus = "" if resources in ("(null)", "") else f" with {resources}"
        closed = "" if available == "up" else f", partition {available}"
        found.setdefault(name, []).append(f"{nodes} {state}{gpus}{closed}")
        limits[name] = limit
    return [f"{name}: {', '.join(nodes)}, {limits[name]}" for name, nodes in found.items()]


def _config() -> dict[str, str]:
    """The controller's settings, as ``scontrol show config`` names them."""
    if shutil.which("scontrol") is None:
        return {}
    rows = (line.partition("=") for line in ask("scontrol", "show", "config").split("\n"))
    return {name.strip(): value.strip() for name, equals, value in rows if equals}


def _problems(rows: Sequence[Sequence[str]], config: dict[str, str], settings: Settings) -> list[Problem]:
    problems = []
    if installed("submitit") is None:
        advice = "`pip install 'wrank[cluster]'`"
        problems.append(Problem(State.WARNING, "hydra/launcher=slurm lacks submitit", advice))
    usable = [row for row in rows if row[1] == "up" and not row[3].lower().startswith(_DEAD)]
    if not usable:
        advice = "`sinfo -R` gives the reasons; ask the administrator"
        problems.append(Problem(State.FAILURE, "no partition has a node that can take a job", advice))
    mount = mount_of(settings.store)
    nodes = sum(int(row[2]) for row in rows if row[2].isdigit())
    if nodes > 1 and mount.kind and not mount.shared:
        what = f"the store is on {mount.kind}, which other nodes may not see"
        advice = "Set paths.store (or WRANK_STORE) to a folder that all nodes share"
        problems.append(Problem(State.WARNING, what, advice))
    if config.get("JobRequeue") == "0":
        advice = "Preempted jobs then have to be started again by the same command; or ask for JobRequeue=1"
        problems.append(Problem(State.WARNING, "jobs are not requeued by this cluster (JobRequeue=0)", advice))
    return problems
