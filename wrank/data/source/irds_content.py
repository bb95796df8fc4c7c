"""What names the content of a part of an ir_datasets collection: a hash of its rows, remembered while its files stay.

ir_datasets pins the hashes of what it fetches, but not of what a user registers or puts in its folder: only the rows
tell. They are read once; the hash is remembered under all that is known of them without reading all.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from wrank.data.cache import make_folder, signature
from wrank.data.source.irds_access import leaves, library
from wrank.files import sha256_of_json, write_atomic

Rows = Callable[[], Iterator[tuple[Any, ...]]]

_FIRST = 64  # rows read to tell two datasets of one id and one file
_SETTLED = 2 * 10**9  # nanoseconds


def content_of(
    word: str, ids: Sequence[str], handlers: Sequence[Any], rows: Rows, cache: Path | None, named: dict[str, str]
) -> str:
    """SHA-256 of rows.

    Args:
        word: what they are.
        ids: the datasets' ids.
        handlers: what reads them.
        rows: reads them anew.
        cache: folder in which hashes are remembered; None: in `named` alone.
        named: hashes of this process.
    """
    first = hash_rows(islice(rows(), _FIRST))  # fetches, too, what is not there yet
    files = [files_of(handler) for handler in handlers]
    before = _signatures(files)
    key = sha256_of_json([library().__version__, word, *ids, first, before])
    memo = None if before is None or cache is None else cache / "hashes" / f"irds-{key}.txt"
    if key not in named and memo is not None and memo.is_file():
        remembered = memo.read_text(encoding="ascii").strip()
        if len(remembered) == 64:
            named[key] = remembered
    if key not in named:
        digest = hash_rows(rows())
        if before is not None and (_signatures(files) != before or _newest(files) > time.time_ns() - _SETTLED):
            return digest  # it may change once more within one tick of its clock
        named[key] = digest
        if memo is not None:
            make_folder(memo.parent)
            write_atomic(memo, digest + "\n")
    return named[key]


def _signatures(files: Sequence[list[Path] | None]) -> list[Any] | None:
    if any(found is None for found in files):
        return None
    return [signature(path) for found in files for path in found or ()]


def _newest(files: Sequence[list[Path] | None]) -> int:
    return max(max(path.stat().st_mtime_ns, path.stat().st_ctime_ns) for found in files for path in found or ())


def hash_rows(rows: Iterator[tuple[Any, ...]]) -> str:
    """SHA-256 over rows of strings and numbers; where one value ends and the next begins is hashed, too."""
    digest = hashlib.sha256()
    for row in rows:
        values = [str(value).encode("utf-8", "surrogatepass") for value in row]
        digest.update(b"".join(b"%d:%b" % (len(value), value) for value in values) + b"\n")
    return digest.hexdigest()


def files_of(handler: Any) -> list[Path] | None:
    """The files that a reader of ir_datasets reads, as far as they show; None when there is none, or a folder."""
    found: dict[Path, None] = {}
    for one in leaves(handler):
        for word in ("_path", "_cache_path"):
            path = getattr(one, "__dict__", {}).get(word)
            if isinstance(path, str | Path) and Path(path).is_absolute() and Path(path).exists():
                found[Path(path)] = None
    if not found or any(not path.is_file() for path in found):
        return None
    stores = [Path(f"{path}.pklz4") for path in found]  # rows come from there once ir_datasets has made it
    return sorted(found) + [path for path in stores if path.exists()]
