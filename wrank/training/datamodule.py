"""The stream of training batches: a function of position, so that a resumed run sees what an unbroken one sees.

Position p of the stream is item p mod Q of epoch p div Q, Q training queries an epoch; epochs follow each other without
a gap, so every batch is full and ws2's N is the same in each. Batch b of rank r of W holds positions
``[(b * W + r) * batch_size, ...)``: the joined batch is the same set for any W with the same W * batch_size.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from wrank.data.collate import ListBatch, collate
from wrank.data.lists import ListSampler
from wrank.records import RankedList
from wrank.training.signals import held, outlive


class _Stream(Dataset[RankedList]):
    def __init__(self, sampler: ListSampler) -> None:
        self.sampler = sampler
        self._orders: dict[int, np.ndarray] = {}

    def __getitem__(self, position: int) -> RankedList:
        epoch, place = divmod(position, len(self.sampler))
        if epoch not in self._orders:
            self._orders = {epoch: self.sampler.order(epoch)}
        return self.sampler.sample(epoch, int(self._orders[epoch][place]))


class _Collate:
    """Picklable, for DataLoader workers."""

    def __init__(self, known: Callable[[str], Any]) -> None:
        self.known = known

    def __call__(self, lists: list[RankedList]) -> ListBatch:
        return collate(lists, self.known)


class StreamLoader:
    """Batches of one rank for the whole training; its state is how many it has given.

    Args:
        sampler: draws the lists.
        known: query id -> text keys of its known positives and excluded passages.
        batches: batches of the whole training.
        batch_size: queries a batch.
        rank: this process.
        world_size: processes.
        workers: DataLoader workers; 0 = this process.
    """

    def __init__(
        self,
        sampler: ListSampler,
        known: Callable[[str], Any],
        *,
        batches: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
    ) -> None:
        self.stream, self.collate = _Stream(sampler), _Collate(known)
        self.batches, self.batch_size, self.rank, self.world_size = batches, batch_size, rank, world_size
        self.workers = workers
        self.given = 0

    def __len__(self) -> int:
        return self.batches

    def positions(self, batch: int) -> list[int]:
        """The stream positions of one batch of this rank."""
        start = (batch * self.world_size + self.rank) * self.batch_size
        return list(range(start, start + self.batch_size))

    def __iter__(self) -> Iterator[ListBatch]:
        loader = DataLoader(
            self.stream,
            batch_sampler=_Positions(self),
            collate_fn=self.collate,
            num_workers=self.workers,
            worker_init_fn=outlive,  # called in workers only
        )
        with held():
            batches = iter(loader)
        for batch in batches:
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How many batches were given."""
        return {"given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on after the batches that were given."""
        self.given = state["given"]


class _Positions:
    """The positions of each batch still to come, worked out when asked for: a long training has billions."""

    def __init__(self, loader: StreamLoader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.loader.positions, range(self.loader.given, self.loader.batches))

    def __len__(self) -> int:
        return self.loader.batches - self.loader.given


class ListDataModule(pl.LightningDataModule):
    """Hands Lightning the stream of this rank.

    Args:
        sampler: draws the lists.
        known: query id -> text keys of its known positives and excluded passages.
        batches: batches of the whole training, a rank.
        batch_size: queries a batch and rank.
        workers: DataLoader workers a rank.
    """

    def __init__(
        self, sampler: ListSampler, known: Callable[[str], Any], *, batches: int, batch_size: int, workers: int
    ) -> None:
        super().__init__()
        self.sampler, self.known = sampler, known
        self.batches, self.batch_size, self.workers = batches, batch_size, workers

    def train_dataloader(self) -> StreamLoader:
        """The stream of this rank's batches."""
        trainer = self.trainer
        return StreamLoader(
            self.sampler,
            self.known,
            batches=self.batches,
            batch_size=self.batch_size,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
            workers=self.workers,
        )
