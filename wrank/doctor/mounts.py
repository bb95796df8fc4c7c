"""Which file system a folder is on, and how it is mounted."""

import re
from dataclasses import dataclass
from pathlib import Path

from wrank.doctor.base import existing

MOUNTS = Path("/proc/self/mountinfo")
SHARED = ("nfs", "lustre", "gpfs", "beegfs", "cephfs", "ceph", "glusterfs", "fuse.glusterfs", "panfs", "cifs", "smb3")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A file system.

    Attributes:
        kind: ext4, nfs4, lustre, overlay, ...; "" where it is not known.
        options: as it is mounted: ``rw``, ``nolock``, ...
    """

    kind: str
    options: frozenset[str] = frozenset()

    @property
    def shared(self) -> bool:
        """Whether other machines see it, too."""
        return self.kind.startswith("nfs") or self.kind in SHARED

    @property
    def locks_stay_here(self) -> str:
        """The option by which a lock does not reach other machines; "" when there is none."""
        words = {"nolock", "local_lock=all", "local_lock=flock", "localflock", "noflock"}
        return min(words & self.options, default="")


def mount_of(folder: Path) -> Mount:
    """The file system of a folder, or of the nearest one above it that exists."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:  # no Linux
        return Mount("")
    place, best, found = existing(folder).resolve(), -1, Mount("")
    for line in lines:
        before, dash, after = line.partition(" - ")
        fields, system = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(system) < 3:
            continue
        point = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        depth = len(point.parts)
        if place.is_relative_to(point) and depth >= best:  # a later mount hides an earlier one
            best, found = depth, Mount(system[0], frozenset([*fields[5].split(","), *system[2].split(",")]))
    return found
