"""The jobs of a sweep before any of them starts, and what each needs of a machine."""

from collections.abc import Mapping, Sequence
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
        gpus: GPUs a machine; 0 = none. A language model's engine may want more of them than train.
    """

    nodes: int = 1
    tasks: int = 1
    devices: int = 1
    gpus: int = 0

    @property
    def shares(self) -> int:
        """What a machine's cores and memory are counted by: its processes that train, or its GPUs if these are more."""
        return max(self.devices, self.gpus)


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
    """What a job needs: of its trainer's keys and its engines' where it trains, else of the part that does the work.

    Args:
        config: the resolved configuration as plain values. Numbers that are none are the job's own to refuse.
    """
    trainer = config.get("trainer") or {}
    devices = _count(trainer.get("devices"))
    strategy = str(trainer.get("strategy", "auto"))
    return Needs(
        nodes=_count(trainer.get("nodes")),
        tasks=devices if strategy in LAUNCHED else 1,
        devices=devices,
        gpus=_gpus(config, trainer, devices),
    )


ENGINED = ("generator", "teacher", "judge")
"""Root keys whose part may ask a language model, its ``engine``."""
_WORKERS = ("teacher", "miner", "judge")
"""Root keys of the part that does a verb's work where no language model is asked; the first that is there."""
_WITHOUT_GPU = ("wrank.generator.engine.openai.", "wrank.mining.bm25.", "wrank.judge.base.")
"""Where the classes live that have no use for a GPU."""


def _gpus(config: Mapping[str, Any], trainer: Mapping[str, Any], devices: int) -> int:
    device = config.get("device") or "auto"
    engines = [engine for key in ENGINED if (engine := (config.get(key) or {}).get("engine"))]
    # GPUs of an engine, and of all its replicas
    wanted = [(each := _count(one.get("tensor_parallel_size")), each * _count(one.get("replicas"))) for one in engines]
    if trainer:
        on_cpu = trainer.get("accelerator") == "cpu" and device in ("auto", "cpu")
    else:
        on_cpu = device == "cpu" or (device == "auto" and not _works_on_gpu(config, engines))
    if on_cpu:  # a model that is spread over GPUs has them all the same; any other makes do with the processor
        return max((count for each, count in wanted if each > 1), default=0)
    return max([devices, *(count for _, count in wanted)])


def _works_on_gpu(config: Mapping[str, Any], engines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a verb that does not train has work for a GPU, where ``device`` leaves it open."""
    works = engines or [config[key] for key in _WORKERS if config.get(key)][:1]
    if not works:
        return bool(config.get("model") and config.get("evaluation"))
    return any(
        one.get("device") != "cpu" and not str(one.get("_target_", "")).startswith(_WITHOUT_GPU) for one in works
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 1
