"""Whether a file lock in the store keeps a second process out, and is freed when its holder is killed.

Two jobs that want the same stage rely on it: without it both would write one folder.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wrank.doctor.base import Finding, Problem, Settings, State, existing, finding, first_line, told
from wrank.doctor.mounts import mount_of
from wrank.doctor.probe import answer, command

_ELSEWHERE = "Set paths.store (or WRANK_STORE) to a disk of which locks are known to hold: a local one, NFS 4, Lustre"


def look(settings: Settings) -> Finding:
    """Takes a lock in one process, tries it in another, kills the first, tries again; and renames a folder."""
    mount = mount_of(settings.store)
    where = f"the store is on {mount.kind or 'a file system of unknown kind'}"
    facts = [f"{where}, shared between machines" if mount.shared else f"{where}, of this machine alone"]
    facts = [where] if not mount.kind else facts
    try:
        with scratch(settings.store) as folder:
            problems = [*try_locks(folder / "lock"), *try_rename(folder)]
    except OSError as error:
        advice = "Set paths.store (or WRANK_STORE) to a folder that you can write"
        return finding(facts, [Problem(State.FAILURE, f"the store cannot be written: {told(error)}", advice)])
    if not problems:
        facts.append("a second process was refused, and let in when the first was killed")
    if option := mount.locks_stay_here:
        what = f"it is mounted with {option}: a lock does not keep other machines out"
        advice = f"Run jobs that share the store on one machine only, mount it without {option}, or set paths.store"
        problems.append(Problem(State.WARNING, what, advice))
    return finding(facts, problems)


@contextmanager
def scratch(store: Path) -> Iterator[Path]:
    """A hidden folder on the store's file system, removed again."""
    folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=existing(store)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def try_locks(path: Path) -> list[Problem]:
    """What is wrong with locks, by processes that really take them.

    Args:
        path: the file to be locked.
    """
    pipe = subprocess.PIPE
    holder = subprocess.Popen(command("hold", str(path)), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stderr is not None
        said = holder.stdout.readline().strip()
        if not said:
            lines = [line for line in holder.stderr.read().strip().split("\n") if line]
            why = first_line(lines[-1]) if lines else "no message"
            return [Problem(State.FAILURE, f"no lock could be taken: {why}", _ELSEWHERE)]
        second = answer("try", str(path))
    finally:
        holder.kill()
        holder.communicate()
    if "died" in second:
        return [Problem(State.FAILURE, f"a second process could not try the lock: {second['died']}", _ELSEWHERE)]
    if not second["refused"]:
        what = "a lock keeps nobody out: two jobs would write the same folder at once"
        return [Problem(State.FAILURE, what, _ELSEWHERE)]
    third = answer("try", str(path))
    if third.get("refused", True):
        what = f"the lock of a killed process is not freed ({said}): jobs would wait for it for ever"
        return [Problem(State.FAILURE, what, _ELSEWHERE)]
    return []


def try_rename(folder: Path) -> list[Problem]:
    """Whether a folder with a file can be renamed, which is how a finished artifact appears."""
    (folder / "partial").mkdir()
    (folder / "partial" / "file").write_text("doctor", encoding="utf-8")
    (folder / "partial").rename(folder / "final")
    if (folder / "final" / "file").read_text(encoding="utf-8") == "doctor" and not (folder / "partial").exists():
        return []
    return [Problem(State.FAILURE, "a renamed folder did not come out as it was", _ELSEWHERE)]
