"""SHA-256 of big files, remembered: a file is hashed again only when its path, size, times or inode changed."""

import gzip
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sha256_of_json, write_atomic

_BLOCK = 1 << 20  # bytes
_ODD = re.compile(rb"\n[^{]")
_counted: dict[str, "Future[Lines]"] = {}
_SETTLED = 2 * 10**9  # nanoseconds; a file younger than this could change once more within one tick of its clock


class Lines(NamedTuple):
    """How many lines a file has.

    Attributes:
        all: the last may lack its end.
        regular: whether each of them begins with ``{``; else one is blank, begins with white space, or is no object.
    """

    all: int
    regular: bool


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
    if path.suffix in (".jsonl", ".tsv"):  # what is read by lines
        _counted[sha256_of_json(before)] = _counting(path)  # another processor is free meanwhile
    result = sha256_of_file(path)
    newest = max(int(before[2]), int(before[3]))
    if signature(path) == before and time.time_ns() - newest > _SETTLED:
        make_folder(memo.parent)
        write_atomic(memo, result + "\n")
    return result


def count_lines(path: Path) -> Lines:
    """Lines of a file (decompressed when its name ends in ``.gz``).

    Raises:
        OSError: it cannot be read, or is no whole gzip file (also EOFError, zlib.error).
    """
    counting = _counted.get(sha256_of_json(signature(path)))
    return _count_lines(path) if counting is None else counting.result()


def _counting(path: Path) -> "Future[Lines]":
    pool = ThreadPoolExecutor(1)
    counting = pool.submit(_count_lines, path)
    pool.shutdown(wait=False)
    return counting


def _count_lines(path: Path) -> Lines:
    ends, last = 0, b"\n"
    regular = ".jsonl" in path.suffixes
    opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb", buffering=0)  # noqa: SIM115
    with cast(BinaryIO, opened) as file:
        while block := file.read(_BLOCK):
            ends += block.count(b"\n")
            if regular:  # by a search, which is twice as fast as counting what begins well
                regular = (last != b"\n" or block[:1] == b"{") and _ODD.search(block) is None
            last = block[-1:]
    return Lines(ends + (last != b"\n"), regular)


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        WrankError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrankError(f"{folder}: cannot be made ({error.strerror}): choose a folder that can be written") from None
