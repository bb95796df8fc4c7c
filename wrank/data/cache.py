"""SHA-256 of big files, remembered: a file is hashed again only when its path, size, times or inode changed."""

import time
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sha256_of_json, write_atomic

_SETTLED = 2 * 10**9  # nanoseconds; a file younger than this could change once more within one tick of its clock


def signature(path: Path) -> list[str | int]:
    """What changes when a file's content does: path, size, times of change (ns), inode.

    Raises:
        WrankError: no such file.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise WrankError(f"{path}: cannot be read ({error.strerror})") from None
    return [str(path.absolute()), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def remembered_sha256(path: Path, cache: Path | None) -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.
        cache: folder in which hashes are remembered; None hashes each time.

    Raises:
        WrankError: the file cannot be read, or the memo not be written.
    """
    if cache is None:
        return sha256_of_file(path)
    before = signature(path)
    memo = cache / "hashes" / f"{sha256_of_json(before)}.txt"
    try:
        remembered = memo.read_text(encoding="ascii").strip()
        if len(remembered) == 64:
            return remembered
    except OSError:
        pass  # not there yet
    result = sha256_of_file(path)
    newest = max(int(before[2]), int(before[3]))
    if signature(path) == before and time.time_ns() - newest > _SETTLED:
        make_folder(memo.parent)
        write_atomic(memo, result + "\n")
    return result


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        WrankError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrankError(f"{folder}: cannot be made ({error.strerror}): choose a folder that can be written") from None
