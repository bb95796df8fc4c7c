"""The jobs of a sweep before any of them starts, and what each needs of a machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wrank.launch.sweep import SweepJob

LAUNCHED = ("ddp", "fsdp2", "deepspeed")
"""Values of ``trainer.strategy`` whose ranks the launcher starts."""


@dataclass(frozen=True)
class Needs:
    """What a job needs of a cluster.

    Attributes:
        nodes: machines.
        tasks: processes a machine that the launcher starts; 1 where wrank starts the others itself.
        devices: processes a machine that train.
        gpus: GPUs a machine; 0 = none.
    """

    nodes: int = 1
    tasks: int = 1
    devices: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Planned:
    """A job, composed and checked but not started.

    Attributes:
        job: its number, words, key and folder.
        needs: what it needs of a machine.
        config: its resolved configuration as plain values.
    """

    job: SweepJob
    needs: Needs
    config: Mapping[str, Any]


def needs_of(config: Mapping[str, Any]) -> Needs:
    """What a job needs, from its trainer's keys; a verb that does not train needs one device.

    Args:
        config: the resolved configuration as plain values.
    """
    trainer = config.get("trainer") or {}
    engine = (config.get("generator") or {}).get("engine") or {}
    devices = int(trainer.get("devices", 1))
    strategy = str(trainer.get("strategy", "auto"))
    on_cpu = trainer.get("accelerator") == "cpu" and config.get("device", "auto") in ("cpu", "auto")
    on_cpu = on_cpu or (not trainer and config.get("device", "auto") == "cpu")
    gpus = 0 if on_cpu else max(devices, int(engine.get("tensor_parallel_size") or 1))
    return Needs(
        nodes=int(trainer.get("nodes", 1)),
        tasks=devices if strategy in LAUNCHED else 1,
        devices=devices,
        gpus=gpus,
    )
