"""Free space wherever wrank writes."""

import os
import tempfile
from pathlib import Path

from wrank.doctor.base import GIB, Finding, Problem, Settings, State, existing, finding, in_gib
from wrank.doctor.mounts import mount_of

TEMP_GIB = 2.0
"""Free space in GiB that temporary files want at the most; the disk's own key counts where it is smaller."""
TEMPORARY, HUB = "temporary files", "Hugging Face cache"
_KEYS = {TEMPORARY: "TMPDIR", HUB: "HF_HOME"}


def look(settings: Settings) -> Finding:
    """Each disk once: what is on it, its free space, its free file names, and whether it can be written."""
    problems, facts = [], []
    for names, folder in _by_disk(folders(settings)):
        free, names_left = free_space(folder)
        kind = mount_of(folder).kind
        fact = f"{', '.join(names)}: {in_gib(free)} free{f' on {kind}' if kind else ''} ({folder})"
        advice = f"Free some space, or point {_key(names[0])} to another disk"
        wanted = min(settings.warn_gib, TEMP_GIB) if names == [TEMPORARY] else settings.warn_gib
        if free < settings.least_gib * GIB:
            what = f"{fact}, wanted {settings.least_gib:,.10g} GiB at the least (least_gib)"
            problems.append(Problem(State.FAILURE, what, advice))
        elif free < wanted * GIB:
            problems.append(Problem(State.WARNING, f"{fact}, better {wanted:,.10g} GiB (warn_gib)", advice))
        else:
            facts.append(fact)
        if names_left < 0.01:
            what = f"{folder}: less than 1% of its disk's file names (inodes) are left"
            advice = f"Remove small files, or point {_key(names[0])} to another disk"
            problems.append(Problem(State.WARNING, what, advice))
    return finding(facts, [*problems, *_closed(folders(settings))])


def folders(settings: Settings) -> dict[str, Path]:
    """A word for each place that wrank, or a library it uses, writes to -> its folder."""
    return {
        **settings.folders,
        HUB: hugging_face_cache(),
        TEMPORARY: Path(tempfile.gettempdir()),
    }


def hugging_face_cache() -> Path:
    """Where models and data sets of the hub are kept."""
    if given := os.environ.get("HF_HOME"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"


def free_space(folder: Path) -> tuple[float, float]:
    """Bytes that this user may still write to a folder's disk, and the share (0 to 1) of file names that are left."""
    disk = os.statvfs(existing(folder))
    return float(disk.f_bavail * disk.f_frsize), disk.f_favail / disk.f_files if disk.f_files else 1.0


def _key(name: str) -> str:
    """What moves a place elsewhere."""
    return _KEYS.get(name, f"paths.{name}")


def _closed(places: dict[str, Path]) -> list[Problem]:
    """Places that cannot be written; those below one folder in one."""
    names: dict[Path, list[str]] = {}
    for name, folder in places.items():
        if not os.access(existing(folder), os.W_OK):
            names.setdefault(existing(folder), []).append(name)
    return [
        Problem(
            State.FAILURE,
            f"{', '.join(below)}: {folder} cannot be written",
            f"Point {' and '.join(_key(name) for name in below)} to a folder that you can write",
        )
        for folder, below in names.items()
    ]


def _by_disk(places: dict[str, Path]) -> list[tuple[list[str], Path]]:
    """The names of the places on one disk together, with the first one's folder."""
    disks: dict[int, tuple[list[str], Path]] = {}
    for name, folder in places.items():
        disks.setdefault(existing(folder).stat().st_dev, ([], folder))[0].append(name)
    return list(disks.values())
