"""Work in pieces that several processes share: each piece is made under a lock by whoever comes first.

No process waits for another until nothing is left to do, and none needs to know of another: a file system that they
share is all. What a killed process leaves is the pieces that it finished.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

_POLL = 0.2  # seconds between two looks at a piece that another process makes


@dataclass(frozen=True)
class Pieces:
    """The pieces of one work, the same for every process that takes part.

    Attributes:
        folder: where the work goes on; renamed by the process that completes it.
        locks: folder of the locks, which stays.
        name: names the work in the locks.
        count: how many pieces there are.
        record: piece -> the file that is written last, when the piece is whole.
        result: the file that is written when all pieces are, before their records are removed.
    """

    folder: Path
    locks: Path
    name: str
    count: int
    record: Callable[[int], str]
    result: str

    def is_done(self, piece: int) -> bool:
        """Whether a piece is whole."""
        return (self.folder / self.record(piece)).is_file() or (self.folder / self.result).is_file()

    def lock(self, piece: int) -> FileLock:
        """The lock of a piece."""
        return FileLock(self.locks / f"{self.name}-{piece:05d}.lock")

    def rounds(self, rank: int = 0, ranks: int = 1) -> Iterator[list[int]]:
        """What is left, again and again until nothing is, or the folder has gone because all is complete.

        Args:
            rank: number of this process among those that were started together: decides where it begins.
            ranks: how many were.
        """
        order = [(place + self.count * rank // ranks) % self.count for place in range(self.count)]
        while (left := [piece for piece in order if not self.is_done(piece)]) and self.folder.is_dir():
            yield left

    def is_ours(self, piece: int) -> bool:
        """Under its lock: whether a piece is still to be made."""
        return not self.is_done(piece) and self.folder.is_dir()

    def wait(self, piece: int) -> None:
        """Until a piece is done, or its lock is free because its process has died."""
        lock = self.lock(piece)
        while self.is_ours(piece):
            with suppress(Timeout), lock.acquire(timeout=_POLL):
                return

    def remove_locks(self) -> None:
        """When all is done: nobody looks at a lock of a piece that is."""
        for piece in range(self.count):
            with suppress(OSError):
                Path(self.lock(piece).lock_file).unlink()
