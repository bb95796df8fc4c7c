"""Child processes that help to encode: one a GPU, or several on a CPU.

A child takes shards as any other process does (`shards.py`), so one that dies delays the work and breaks nothing.
"""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import torch
import torch.multiprocessing as multiprocessing

from wrank.errors import WrankError
from wrank.evaluation.encode import Encoder
from wrank.evaluation.shards import ShardJob, encode_shards

_log = logging.getLogger(__name__)


def launched() -> tuple[int, int]:
    """(Rank, ranks) of this process as its launcher has set them: torchrun or srun; (0, 1) where there is none.

    Raises:
        WrankError: values that are no ranks.
    """
    for names in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        given = [os.environ.get(name) for name in names]
        if None in given:
            continue
        words = f"{names[0]}={given[0]} {names[1]}={given[1]}"
        if not all(str(value).isdecimal() for value in given) or int(str(given[0])) >= int(str(given[1])):
            raise WrankError(f"{words} in the environment: wanted a rank from 0 and a greater number of ranks")
        return int(str(given[0])), int(str(given[1]))
    return 0, 1


def local_device(device: str) -> str:
    """The GPU of this rank on its machine, where a launcher has started several; else the device as it is."""
    local = os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID"))
    if device != "cuda" or local is None or torch.cuda.device_count() < 2:
        return device
    return f"cuda:{int(local) % torch.cuda.device_count()}"


def count_processes(asked: int | str, device: str) -> int:
    """How many processes encode on this machine.

    Args:
        asked: a number, or ``auto``: one a visible GPU, one on a CPU; one under a launcher, which starts them itself.
        device: ``cpu``, ``cuda``, ...

    Raises:
        WrankError: no whole number from 1 up, or more than there are GPUs.
    """
    gpus = torch.cuda.device_count() if device == "cuda" else 0
    if asked == "auto":
        return max(1, gpus) if launched()[1] == 1 else 1
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise WrankError(f"evaluation.processes is {asked!r}; wanted a whole number from 1 up, or auto")
    if gpus and asked > gpus:
        raise WrankError(f"evaluation.processes is {asked}, but there are {gpus} GPUs here")
    return asked


@contextmanager
def helpers(model: Encoder, job: ShardJob, device: str, processes: int, rank: int, ranks: int) -> Iterator[None]:
    """Child processes that encode beside this one while the block runs; they end when no shard is left.

    Args:
        model: a bi-encoder; its weights are shared on a CPU, copied to the children's GPUs otherwise.
        job: what is encoded.
        device: of this process; children of a GPU take the next ones.
        processes: how many in all, this one included.
        rank: of this process among the launcher's.
        ranks: how many the launcher started.
    """
    children: list[BaseProcess] = []
    threads = torch.get_num_threads()
    try:
        if processes > 1:
            model.to("cpu")
            context = multiprocessing.get_context("spawn")
            torch.set_num_threads(max(1, threads // processes))
            for number in range(1, processes):
                place = f"cuda:{number}" if device == "cuda" else device
                arguments = (model, job, place, rank * processes + number, ranks * processes, torch.get_num_threads())
                started = context.Process(target=_help, args=arguments, daemon=True)
                started.start()
                children.append(started)
        yield
    except BaseException:
        for child in children:
            child.terminate()
        raise
    finally:
        torch.set_num_threads(threads)
        for child in children:
            child.join()
    if failed := [child.exitcode for child in children if child.exitcode]:
        _log.warning("%d of %d helping processes ended early (exit codes %s)", len(failed), len(children), failed)


def _help(model: Encoder, job: ShardJob, device: str, rank: int, ranks: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends its children
    torch.set_num_threads(threads)
    try:
        encode_shards(model, job, device, rank, ranks, lambda count: None)
    except WrankError as error:  # the parent meets it too, and tells it
        _log.debug("%s", error)
