r"""Reading and writing files: strict lines and JSONL (file and line in every error), atomic writing, fingerprints.

One rule for all text: UTF-8 (a byte order mark is skipped), gzip by the suffix ``.gz``, a line ends at ``\n`` only (a
``\r`` before it is dropped; U+0085 and the like are text).
"""

import gzip
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from wrank.errors import WrankError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a text file, without their ends.

    Args:
        path: a file; decompressed when its name ends in ``.gz``.

    Yields:
        (line number from 1, text).

    Raises:
        WrankError: missing, unreadable, damaged gzip, or not UTF-8 (line and byte are named).
    """
    number = offset = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, start=1):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise WrankError(_encoding_message(path, number, offset, raw, error)) from None
                offset += len(raw)
                line = line.removesuffix("\n").removesuffix("\r")
                yield number, line.removeprefix("\ufeff") if number == 1 else line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise WrankError(
            f"{path}:{number + 1}: damaged or cut-off gzip file ({error}): fetch or write it again"
        ) from None
    except OSError as error:
        raise WrankError(
            f"{path}: cannot be read ({error.strerror or error}): give an existing file that you may read"
        ) from None


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """JSON objects, one a line; blank lines are skipped.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file.

    Yields:
        (line number from 1, object).

    Raises:
        WrankError: a line that is no JSON object, or text that UTF-8 cannot hold (half a surrogate pair).
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if "\\ud" in line or "\\uD" in line:
                json.dumps(record, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])
            raise WrankError(f"{path}:{number}: half a surrogate pair ({half}) is no text: mend the line") from None
        except (ValueError, RecursionError) as error:
            raise WrankError(
                f"{path}:{number}: not valid JSON ({error}): wanted one whole JSON object a line; was the file cut off?"
            ) from None
        if not isinstance(record, dict):
            raise WrankError(f"{path}:{number}: wanted a JSON object, got {type(record).__name__} ({short(line)})")
        yield number, record


def parse_id(record: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    """The id under `key`: a string, or a whole number written as one.

    Raises:
        WrankError: missing (the keys that are there are named), empty, or of another type.
    """
    if key not in record:
        raise WrankError(
            f"{path}:{number}: no key {key!r}; the keys there are {', '.join(map(repr, record)) or 'none'}"
        )
    return as_id(record[key], key, path, number)


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under `path` when the block ends well, and not at all otherwise.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    partial = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                partial.unlink()
    except OSError as error:
        raise WrankError(
            f"{path}: cannot be written ({error.strerror or error}): wanted free space and a folder that can be written"
        ) from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all: temporary file beside it, fsync, rename. Text becomes UTF-8.

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    with atomic_writer(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        WrankError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WrankError(f"{path}: cannot be read ({error.strerror})") from None


def sha256_of_json(value: Any) -> str:
    """SHA-256 of canonical JSON: keys sorted, no white space, ASCII; 1.0 is written as 1, a tuple as a list.

    Raises:
        TypeError: a value JSON does not have, or a key that is no string.
        ValueError: NaN or an infinity.
    """
    text = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"keys must be strings, got {wrong[0]!r}")
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _encoding_message(path: Path, number: int, offset: int, raw: bytes, error: UnicodeDecodeError) -> str:
    hint = "convert it, e.g. with `iconv -f latin1 -t utf-8`"
    if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        hint = "it looks like UTF-16: convert it with `iconv -f utf-16 -t utf-8`"
    elif number == 1 and raw.startswith(b"\x1f\x8b"):
        hint = "it is a gzip file: give it a name that ends in .gz"
    at, byte = error.start, raw[error.start]
    return f"{path}:{number}: not UTF-8 (byte 0x{byte:02x} at byte {at} of the line, {offset + at} of the file): {hint}"


def as_id(value: Any, key: str, path: Path, number: int) -> str:
    """An id as a string: given as a string, or as a whole number.

    Raises:
        WrankError: empty, or of another type.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise WrankError(f"{path}:{number}: {key!r} is {short(json.dumps(value))}; wanted a string or a whole number")
    return str(value)


def short(text: str) -> str:
    """At most 80 characters of a text, for a message."""
    return text if len(text) <= 80 else f"{text[:77]}..."
