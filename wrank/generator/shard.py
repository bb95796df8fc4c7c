"""The durable log of replies: JSON lines appended to shards in order of arrival, whole again after a kill.

A line is handed to the kernel as soon as it is appended, so a killed process loses none. It is put on the disk
(fsync) with others, after so many lines or seconds, so a power cut loses the last few at the most.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from wrank.errors import WrankError
from wrank.files import sync_folder

_OPEN_SHARDS = 8
_BLOCK = 1 << 14

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a line stands: number of the shard, bytes from its start."""

    shard: int
    offset: int


class ReplyLog:
    """The log in a folder. A line that a killed run did not finish is cut off when the log is opened.

    Args:
        folder: the folder of the shards; made when missing.
        shard_bytes: a shard is closed when it has so many bytes.
        sync_lines: lines after which they are put on the disk.
        sync_seconds: seconds after which they are, looked at when a line comes.

    Raises:
        WrankError: a shard is missing.
        OSError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, *, shard_bytes: int = 64 << 20, sync_lines: int = 64, sync_seconds: float = 2.0
    ) -> None:
        self.folder, self.shard_bytes, self.sync_lines, self.sync_seconds = (
            folder,
            shard_bytes,
            sync_lines,
            sync_seconds,
        )
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.glob("replies-*.jsonl"))
        if names != [self._path(number).name for number in range(len(names))]:
            raise WrankError(f"{folder}: a shard is missing (there are {', '.join(names)}): remove that folder")
        self._shards = len(names)
        self._size = _cut_torn_line(self._path(self._shards - 1)) if names else 0
        self._file: int | None = None
        self._reading: dict[int, int] = {}
        self._waiting, self._synced_at = 0, time.monotonic()

    def replay(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Every line, in the order of arrival, and where it stands.

        What a power cut spoilt in the last shard is cut off, with a warning, from its first unreadable line on.

        Raises:
            WrankError: an unreadable line in an earlier shard.
        """
        for shard in range(self._shards):
            path, offset = self._path(shard), 0
            with path.open("rb") as file:
                for line in file:
                    try:
                        record = json.loads(line)
                    except ValueError:  # also: not UTF-8
                        break
                    yield Place(shard, offset), record
                    offset += len(line)
            size = path.stat().st_size
            if offset < size:
                if shard < self._shards - 1:
                    raise WrankError(f"{path}: damaged at byte {offset}: remove {self.folder}; its work is done again")
                _log.warning("%s: its last %d bytes cannot be read; what they held is asked again", path, size - offset)
                os.truncate(path, offset)
                self._size = offset

    def append(self, record: Mapping[str, Any]) -> Place:
        """Appends a line.

        Args:
            record: JSON values.

        Raises:
            OSError: a full disk, for one. What was appended before stays good.
        """
        line = _encode(record)
        file = self._current()
        place, rest = Place(self._shards - 1, self._size), memoryview(line)
        while rest:
            rest = rest[os.write(file, rest) :]
        self._size += len(line)
        self._waiting += 1
        if self._waiting >= self.sync_lines or time.monotonic() - self._synced_at >= self.sync_seconds:
            self.sync()
        return place

    def read(self, place: Place) -> dict[str, Any]:
        """The line that stands at a place."""
        file, parts, offset = self._reader(place.shard), [], place.offset
        while block := os.pread(file, _BLOCK, offset):
            end = block.find(b"\n")
            parts.append(block if end < 0 else block[:end])
            if end >= 0:
                break
            offset += len(block)
        record: dict[str, Any] = json.loads(b"".join(parts))
        return record

    def sync(self) -> None:
        """Puts everything appended so far on the disk."""
        if self._file is not None and self._waiting:
            os.fsync(self._file)
        self._waiting, self._synced_at = 0, time.monotonic()

    def close(self) -> None:
        """Puts everything on the disk and closes the files; may be called twice."""
        try:
            self.sync()
        finally:
            for file in [*self._reading.values(), *([] if self._file is None else [self._file])]:
                os.close(file)
            self._reading, self._file = {}, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _path(self, shard: int) -> Path:
        return self.folder / f"replies-{shard:06d}.jsonl"

    def _current(self) -> int:
        """The file that is written; a new shard when the last one is full."""
        if self._file is not None and self._size >= self.shard_bytes:
            self.sync()
            os.close(self._file)
            self._file = None
        if self._file is None:
            if not self._shards or self._size >= self.shard_bytes:
                self._shards, self._size = self._shards + 1, 0
            self._file = os.open(self._path(self._shards - 1), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            sync_folder(self.folder)
        return self._file

    def _reader(self, shard: int) -> int:
        if shard not in self._reading:
            if len(self._reading) >= _OPEN_SHARDS:
                os.close(self._reading.pop(next(iter(self._reading))))
            self._reading[shard] = os.open(self._path(shard), os.O_RDONLY)
        return self._reading[shard]


def _encode(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def line_bytes(record: Mapping[str, Any]) -> int:
    """How long a record's line is."""
    return len(_encode(record))


def remove_log(folder: Path) -> None:
    """Removes a log so that it is there whole, or not at all: a kill half way leaves no half of it."""
    doomed = folder.with_name(folder.name + "-done")
    if folder.exists():
        shutil.rmtree(doomed, ignore_errors=True)
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _cut_torn_line(path: Path) -> int:
    """Cuts what follows the last line end; returns the size that stays, in bytes."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        kept = 0
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                kept = start + found + 1
                break
            end = start
        if kept < size:
            file.truncate(kept)
            os.fsync(file.fileno())
    return kept
