"""Processors, memory and the limits that a training runs into."""

import os
import resource
import shutil
from pathlib import Path

from wrank.doctor.base import GIB, Finding, Problem, Settings, State, finding, in_gib

FILES = 4096
"""Open files below which several worker processes and ranks may run out of them."""
SHARED_GIB = 1.0
"""Shared memory below which worker processes that hand over batches may die."""
MEMORY_GIB = 4.0
"""Free memory below which the bundled models may be killed."""
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_SHARED = Path("/dev/shm")


def look(settings: Settings) -> Finding:
    """Counts processors and memory that this process may use, open files, shared memory."""
    del settings
    total, free = memory()
    facts = [f"{processors():g} of {os.cpu_count()} processors"]
    problems = []
    if total:
        facts.append(f"{in_gib(free)} of {in_gib(total)} memory free")
    if total and free < MEMORY_GIB * GIB:
        advice = "End other programs or ask for more memory (Slurm: --mem); smaller: model=tiny, trainer.passage_chunk"
        problems.append(Problem(State.WARNING, f"little memory is free: {in_gib(free)}", advice))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    facts.append("open files: unlimited" if soft == resource.RLIM_INFINITY else f"open files: {soft:,}")
    if soft not in (resource.RLIM_INFINITY, -1) and soft < FILES:
        top = 65536 if hard in (resource.RLIM_INFINITY, -1) else min(hard, 65536)
        advice = f"`ulimit -n {top}` before the command (in the job script on a cluster)"
        problems.append(Problem(State.WARNING, f"only {soft:,} open files are allowed", advice))
    if _SHARED.is_dir():
        shared = shutil.disk_usage(_SHARED)
        facts.append(f"/dev/shm: {in_gib(shared.free)} free")
        if shared.free < SHARED_GIB * GIB:
            what = f"/dev/shm has {in_gib(shared.free)} free of {in_gib(shared.total)}"
            advice = "Start the container with --shm-size=8g (or --ipc=host), or train with trainer.workers=0"
            problems.append(Problem(State.WARNING, what, advice))
    return finding([*facts, _threads()], problems)


def processors() -> float:
    """Processors that this process may use: by its affinity, and by its control group's share of time."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    count = float(len(affinity))
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    return min(count, int(quota) / int(period)) if quota.isdigit() and period.isdigit() else count


def memory() -> tuple[int, int]:
    """Bytes of memory in all and free, as the control group limits them; zeros where it is not known."""
    rows = dict(line.split(":", 1) for line in _read(_MEMINFO).split("\n") if ":" in line)
    if not {"MemTotal", "MemAvailable"} <= rows.keys():
        return 0, 0
    total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    if limit.isdigit() and used.isdigit() and int(limit) < total:
        return int(limit), max(0, min(free, int(limit) - int(used)))
    return total, free


def _threads() -> str:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return f"OMP_NUM_THREADS={given}" if given else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
