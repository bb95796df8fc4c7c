"""How to train: the keys of ``conf/trainer``, checked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wrank.errors import WrankError
from wrank.training.temperature import read_courses

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = ("auto", "32-true", "bf16-mixed", "bf16-true", "16-mixed")
IN_BATCH = ("none", "local", "global")
STRATEGIES = ("auto", "ddp_spawn", "ddp_fork", "ddp", "fsdp2", "deepspeed")
LAUNCHED = frozenset({"ddp", "fsdp2", "deepspeed"})
"""Strategies whose ranks a launcher starts: torchrun or srun, one `wrank` command a rank."""

# Keys that say where and how fast a run goes, not what comes out of it (beyond rounding).
_NOT_IDENTITY = frozenset(
    {
        *("accelerator", "strategy", "workers", "checkpoint_steps", "log_steps", "devices"),
        *("nodes", "cache_gradients", "deepspeed_stage"),
    }
)


@dataclass(frozen=True)
class TrainerSettings:
    """The trainer's keys.

    Attributes:
        max_epochs: passes over the training queries; may be a fraction.
        max_steps: optimizer steps; overrides ``max_epochs`` when set.
        batch_size: queries a device and step.
        accumulate: batches whose gradients are added before an optimizer step.
        learning_rate: AdamW's peak rate.
        weight_decay: AdamW's weight decay; biases and normalisation weights are left out.
        warmup: share of the steps in which the rate rises linearly from 0; it then falls linearly to 0.
        clip: largest norm of the gradient; None = no clipping.
        in_batch: whose passages a query is scored against: ``none`` (its own), ``local`` (this device's batch),
            ``global`` (the batch of all devices).
        precision: ``auto`` = bf16-mixed where the processor computes it natively, else 32-true. ``bf16-true`` also
            keeps the transformer's weights, their gradients and AdamW's state in bf16 (those of a LoRA adapter not).
        accelerator: auto, cpu or gpu.
        devices: processes a machine, one a GPU or part of the processor.
        nodes: machines; several need a launcher.
        strategy: how several processes work together. Started by wrank itself: ``ddp_spawn`` (also ``auto``) and
            ``ddp_fork``. Started by a launcher, each with the whole command (torchrun or srun): ``ddp``; ``fsdp2``,
            which shares weights, gradients and AdamW's state out over the ranks; ``deepspeed`` (ZeRO).
        deepspeed_stage: ZeRO's: 1 shares out AdamW's state, 2 the gradients too.
        compile: compile the transformer (torch.compile): minutes before the first steps, then faster ones. Dropout
            draws other random numbers.
        cache_gradients: keep embeddings only and compute each chunk again in the backward pass: memory of one chunk,
            whatever the batch (`wrank.model.recompute`), for about 0.4 times more time (MiniLM on a processor).
        passage_chunk: texts of 256 tokens (shorter ones: more) in one forward pass, sorted by length so that padding is
            not computed; None = all.
            It changes rounding, and which random numbers dropout draws.
        dev_steps: optimizer steps between two scorings of the dev queries; None = once an epoch.
        dev_passages: size of the slice of the corpus that dev queries are ranked over.
        patience: scorings without a better dev score after which training stops; None = never.
        checkpoint_steps: optimizer steps between two checkpoints to resume from.
        log_steps: batches between two logged points.
        workers: processes that prepare batches; 0 = in the training process.
        temperatures: which temperatures move in the course of the training: see ``wrank.training.temperature``.
        scale_learning_rate: AdamW's peak rate of learnt temperatures, scales and biases of scores, which are single
            numbers and want larger steps than weights do; None = ``learning_rate``.

    Raises:
        WrankError: a value out of its range, with the range.
    """

    max_epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int = 16
    accumulate: int = 1
    learning_rate: float = 2e-5
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip: float | None = 1.0
    in_batch: str = "local"
    precision: str = "auto"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    deepspeed_stage: int = 2
    compile: bool = False
    cache_gradients: bool = False
    passage_chunk: int | None = 16
    dev_steps: int | None = None
    dev_passages: int = 300
    patience: int | None = None
    checkpoint_steps: int = 50
    log_steps: int = 1
    workers: int = 0
    temperatures: Mapping[str, Any] | None = None
    scale_learning_rate: float | None = None

    def __post_init__(self) -> None:
        for key, choices in (
            ("accelerator", ACCELERATORS),
            ("precision", PRECISIONS),
            ("in_batch", IN_BATCH),
            ("strategy", STRATEGIES),
        ):
            if getattr(self, key) not in choices:
                raise WrankError(f"trainer.{key}={getattr(self, key)!r}: wanted one of {', '.join(choices)}")
        read_courses(self.temperatures)
        self._check_numbers()
        self._check_together()

    def _check_numbers(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "max_epochs": (0, 10_000),
            "learning_rate": (0, 1),
            "weight_decay": (-1e-12, 1),
            "warmup": (-1e-12, 1),
            "clip": (0, float("inf")),
            "scale_learning_rate": (0, 1),
        }
        for key, (low, high) in ranges.items():
            value = getattr(self, key)
            if value is None and key in ("clip", "scale_learning_rate"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
                raise WrankError(f"trainer.{key}={value!r}: wanted a number above {max(low, 0):g} and up to {high:g}")
        optional = ("max_steps", "passage_chunk", "dev_steps", "patience")
        counts = ("batch_size", "accumulate", "devices", "nodes", "dev_passages", "checkpoint_steps", "log_steps")
        for key in (*counts, *optional):
            value = getattr(self, key)
            if value is None and key in optional:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise WrankError(f"trainer.{key}={value!r}: wanted a whole number from 1 up")
        if isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 0:
            raise WrankError(f"trainer.workers={self.workers!r}: wanted a whole number from 0 up")
        for key in ("compile", "cache_gradients"):
            if not isinstance(getattr(self, key), bool):
                raise WrankError(f"trainer.{key}={getattr(self, key)!r}: wanted true or false")
        if isinstance(self.deepspeed_stage, bool) or self.deepspeed_stage not in (1, 2):
            raise WrankError(
                f"trainer.deepspeed_stage={self.deepspeed_stage!r}: wanted 1 or 2 (for stage 3, weights that are "
                "shared out too, take trainer.strategy=fsdp2)"
            )

    def _check_together(self) -> None:
        """Refuses values that are right each, but not together."""
        mine = f"trainer.strategy={self.strategy}"
        if self.cache_gradients and self.passage_chunk is None:
            raise WrankError(
                "trainer.cache_gradients=true with trainer.passage_chunk=null: memory is that of one chunk, and all "
                "would be one chunk; give passage_chunk a number, e.g. 16"
            )
        if self.nodes > 1 and self.strategy not in LAUNCHED:
            raise WrankError(
                f"trainer.nodes={self.nodes} with {mine}: wanted one of {', '.join(sorted(LAUNCHED))}, with ranks from "
                "torchrun or srun; a process on another machine cannot be spawned"
            )
        if self.strategy == "fsdp2" and self.world_size == 1:
            raise WrankError(
                f"{mine} with one device: there is nobody to share the weights with; use trainer.strategy=auto"
            )
        if self.strategy == "fsdp2" and self.precision == "16-mixed":
            raise WrankError(f"{mine} with trainer.precision=16-mixed: wanted bf16-mixed, bf16-true or 32-true")
        if self.strategy in ("fsdp2", "deepspeed") and self.compile:
            raise WrankError(f"trainer.compile=true with {mine}: wanted one device or a ddp strategy")
        if self.strategy == "deepspeed" and self.accelerator == "cpu":
            raise WrankError(
                f"{mine} with trainer.accelerator=cpu: DeepSpeed is for GPUs; use ddp or fsdp2 on processors"
            )

    @property
    def world_size(self) -> int:
        """Processes that train together."""
        return self.devices * self.nodes

    @property
    def launched(self) -> bool:
        """Whether the ranks are a launcher's, each with the whole command."""
        return self.strategy in LAUNCHED and self.world_size > 1

    @property
    def queries_a_step(self) -> int:
        """Queries of all devices and accumulated batches behind one optimizer step."""
        return self.batch_size * self.world_size * self.accumulate

    def steps(self, queries: int) -> int:
        """Optimizer steps of the whole training over this many queries an epoch."""
        if self.max_steps is not None:
            return self.max_steps
        return max(1, round(self.max_epochs * queries / self.queries_a_step))

    def identity(self) -> dict[str, Any]:
        """The keys that can change the result, with ``precision`` resolved; goes into the stage's key."""
        kept = {key: value for key, value in asdict(self).items() if key not in _NOT_IDENTITY}
        if self.max_steps is not None:
            del kept["max_epochs"]
        for key in ("temperatures", "scale_learning_rate", "compile"):
            if not kept[key]:
                del kept[key]
        return kept | {"precision": self.resolved_precision(), "world_size": self.world_size}

    def resolved_strategy(self) -> str:
        """What ``auto`` stands for: several processes are spawned, never started by running the command again."""
        if self.strategy == "auto" and self.devices > 1:
            return "ddp_spawn"
        return "auto" if self.strategy == "ddp" and self.world_size == 1 else self.strategy

    def resolved_precision(self) -> str:
        """The precision that ``auto`` stands for on this machine."""
        if self.precision != "auto":
            return self.precision
        import torch

        if self.uses_gpu():
            return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
        native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
        return "bf16-mixed" if native else "32-true"

    def uses_gpu(self) -> bool:
        """Whether training goes to a GPU.

        Raises:
            WrankError: when one is asked for and there is none.
        """
        import torch

        if self.accelerator == "cpu":
            return False
        if torch.cuda.is_available():
            return True
        if self.accelerator == "gpu":
            raise WrankError(
                "trainer.accelerator=gpu, but torch sees no GPU here: use trainer=cpu, or check `nvidia-smi`"
            )
        return False
