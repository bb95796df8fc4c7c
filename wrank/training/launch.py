"""Ranks that a launcher started: torchrun or srun, one whole `wrank` command a rank.

wrank never runs its own command again. With ``trainer.strategy=ddp|fsdp2|deepspeed`` every rank reads the same
configuration and does the same stages. All stages but the training are done by the rank that comes first, while the
others wait for it as they would for a stranger (`wrank.store`); at the training they meet (`connected`), and rank 0
says whether there is anything to do.
"""

import functools
import importlib.util
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.plugins.environments import ClusterEnvironment, SLURMEnvironment

from wrank.errors import WrankError
from wrank.training.settings import TrainerSettings
from wrank.training.signals import until_finished

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_SLURM = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_ID")
_meetings = itertools.count()


@dataclass(frozen=True)
class Place:
    """This process among the ranks.

    Attributes:
        rank: from 0.
        ranks: how many there are.
        local: rank on its machine.
        node: its machine, from 0.
        address: rank 0's machine.
        port: where rank 0 waits for the others.
    """

    rank: int
    ranks: int
    local: int
    node: int
    address: str
    port: int


def launched_place() -> Place | None:
    """What torchrun's or srun's variables say; None when neither has started this process with others."""
    given = os.environ
    try:
        if all(name in given for name in _TORCHRUN):
            rank, ranks, local = (int(given[name]) for name in _TORCHRUN[:3])
            node = int(given.get("GROUP_RANK", rank // int(given.get("LOCAL_WORLD_SIZE", ranks))))
            place = Place(rank, ranks, local, node, given["MASTER_ADDR"], int(given["MASTER_PORT"]))
        elif all(name in given for name in _SLURM):
            rank, ranks, local, job = (int(given[name]) for name in _SLURM)
            nodes = given.get("SLURM_STEP_NODELIST", given.get("SLURM_NODELIST", "127.0.0.1"))
            address = given.get("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(nodes))
            port = int(given.get("MASTER_PORT", 15000 + job % 10000))
            place = Place(rank, ranks, local, int(given.get("SLURM_NODEID", 0)), address, port)
        else:
            return None
    except ValueError as error:
        names = ", ".join(f"{name}={given[name]}" for name in (*_TORCHRUN, *_SLURM) if name in given)
        raise WrankError(f"the launcher's variables are no numbers ({error}): {names}") from None
    return place if place.ranks > 1 else None


def check_launch(settings: TrainerSettings) -> None:
    """Refuses a strategy that cannot run here, before any work.

    Raises:
        WrankError: no launcher, another number of ranks than the settings say, no GPU for a rank, or a package that is
            not there.
    """
    place, asked = launched_place(), f"trainer.devices={settings.devices} trainer.nodes={settings.nodes}"
    if settings.strategy == "deepspeed":
        _check_deepspeed(settings)
    if settings.strategy == "ddp_fork" and settings.uses_gpu():
        raise WrankError("trainer.strategy=ddp_fork: a process that uses a GPU cannot be forked; use ddp_spawn or ddp")
    if not settings.launched:
        return
    if place is None:
        raise WrankError(
            f"trainer.strategy={settings.strategy} with {asked}: its ranks come from a launcher, and there is none. "
            f"Start `torchrun --nnodes {settings.nodes} --nproc-per-node {settings.devices} -m wrank.cli train ...` "
            f"or `srun --nodes {settings.nodes} --ntasks-per-node {settings.devices} wrank train ...`; or use "
            "trainer.strategy=ddp_spawn, which starts processes itself on one machine"
        )
    if place.ranks != settings.world_size:
        raise WrankError(
            f"{asked} are {settings.world_size} ranks, but the launcher started {place.ranks}: make them equal"
        )
    if settings.uses_gpu() and torch.cuda.device_count() < settings.devices:
        raise WrankError(
            f"trainer.devices={settings.devices}, but a rank sees {torch.cuda.device_count()} GPUs: let each rank see "
            "all of its machine (with Slurm: --gpus-per-node, not --gpus-per-task)"
        )


def _check_deepspeed(settings: TrainerSettings) -> None:
    if importlib.util.find_spec("deepspeed") is None:
        raise WrankError(
            "trainer.strategy=deepspeed, but the package is not installed: pip install deepspeed (it builds parts of "
            "itself and wants CUDA's compiler), or use trainer.strategy=fsdp2, which needs nothing beside torch"
        )
    if not settings.uses_gpu():
        raise WrankError("trainer.strategy=deepspeed: DeepSpeed is for GPUs, and torch sees none here")


def is_first(settings: TrainerSettings) -> bool:
    """Whether this process is to write and to log: rank 0 of a launcher's ranks, or the one that starts its own."""
    place = launched_place()
    return not settings.launched or place is None or place.rank == 0


class LaunchedEnvironment(ClusterEnvironment):
    """Tells Lightning the ranks as the launcher made them.

    Lightning's own classes for Slurm and torchrun would do, but that the former also takes over requeueing and signals,
    and wants ``--ntasks-per-node`` by that name.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        """The launcher made them."""
        return True

    @property
    def main_address(self) -> str:
        """Rank 0's machine."""
        return self.place.address

    @property
    def main_port(self) -> int:
        """Where rank 0 waits."""
        return self.place.port

    @staticmethod
    def detect() -> bool:
        """Whether a launcher has started this process with others."""
        return launched_place() is not None

    def world_size(self) -> int:
        """Ranks of all machines."""
        return self.place.ranks

    def set_world_size(self, size: int) -> None:
        """The launcher has set it."""

    def global_rank(self) -> int:
        """From 0."""
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """The launcher has set it."""

    def local_rank(self) -> int:
        """On this machine."""
        return self.place.local

    def node_rank(self) -> int:
        """This machine."""
        return self.place.node


class Meeting:
    """The ranks of one training, connected.

    Args:
        place: this process.
        store: the ranks' common words, kept by rank 0.
    """

    def __init__(self, place: Place, store: Any) -> None:
        self.place, self.store = place, store

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0."""
        return self.place.rank == 0

    def tell(self, key: str, word: str) -> None:
        """Rank 0 says a word to the others."""
        self.store.set(key, word or " ")

    def hear(self, key: str) -> str:
        """Waits, for as long as it takes, for rank 0's word.

        Raises:
            WrankError: rank 0 is gone.
        """
        try:
            while not self.store.check([key]):
                time.sleep(0.05)
            return str(self.store.get(key).decode()).strip()
        except (RuntimeError, ConnectionError) as error:
            raise WrankError(f"rank {self.place.rank}: rank 0 has ended; its own message says why ({error})") from None

    def part(self, seconds: float = 60.0) -> None:
        """Rank 0 stays until all others have heard its last word, since it keeps the words."""
        if not self.is_first:
            self.store.add("heard", 1)
            return
        until = time.monotonic() + seconds
        while self.store.add("heard", 0) < self.place.ranks - 1 and time.monotonic() < until:
            time.sleep(0.05)


@contextmanager
def connected(settings: TrainerSettings) -> Iterator[Meeting | None]:
    """Connects this rank with the others while the block runs; None where wrank starts the ranks itself, or has one.

    The block makes an artifact; a signal that came too late to stop its training is answered when it is made.

    Raises:
        WrankError: see ``check_launch``; ranks that do not come.
        Stopped: see `wrank.training.signals`.
    """
    check_launch(settings)
    with until_finished(), _connected(settings) as meeting:
        yield meeting


@contextmanager
def _connected(settings: TrainerSettings) -> Iterator[Meeting | None]:
    place = launched_place()
    if not settings.launched or place is None:
        yield None
        return
    backend = "gloo"
    if settings.uses_gpu():
        torch.cuda.set_device(place.local)
        backend = "nccl"
    root = _common_store(place)
    meeting = f"wrank-{next(_meetings)}"
    dist.init_process_group(
        backend, store=dist.PrefixStore(f"{meeting}-ranks", root), rank=place.rank, world_size=place.ranks
    )
    try:
        yield Meeting(place, dist.PrefixStore(f"{meeting}-words", root))
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@functools.cache
def _common_store(place: Place) -> Any:
    """Words that all ranks read; kept by rank 0 until its process ends, since the ranks meet once for each training."""
    os.environ |= {"MASTER_ADDR": place.address, "MASTER_PORT": str(place.port)}
    try:
        rendezvous = dist.rendezvous("env://", place.rank, place.ranks, timeout=timedelta(minutes=30))
        return next(iter(rendezvous))[0]
    except (RuntimeError, ValueError) as error:
        raise WrankError(
            f"rank {place.rank} of {place.ranks} could not meet the others at {place.address}:{place.port} ({error})"
        ) from None


@contextmanager
def first_rank_first(settings: TrainerSettings) -> Iterator[None]:
    """Where ranks share a folder: rank 0 runs the block, and then the others."""
    wait = settings.launched and dist.is_initialized()
    if wait and dist.get_rank() > 0:
        dist.barrier()
    yield
    if wait and dist.get_rank() == 0:
        dist.barrier()
