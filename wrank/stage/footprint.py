"""How much memory and disk a training would take: estimates from shapes, before anything is loaded.

Memory of a device = weights + gradients + AdamW's two moments + activations. The first three are 4 bytes a number each
(16 a trained weight in all; 2 bytes each with ``bf16-true``; a frozen weight has neither gradient nor moments). Of the
activations a transformer's layer keeps 34 s h bytes for s tokens and hidden size h at 16 bits: Korthikanti et al.,
"Reducing Activation Recomputation in Large Transformer Models" (arXiv 2205.05198), equation 2, without its term for the
attention's scores, which fused attention does not keep. At 32 bits all but the dropout masks (2 of the 34) double. The
tokens are counted as if every text filled its limit, so that the figure is a bound for long texts, and too high for
short ones. Not counted: the framework itself, a language model beside the training, a batch's similarity matrix.
Held against one training (MiniLM at 32 bits on a processor, 16 queries of 4 passages, lengths 32 and 128): 1.7 GB by
the formula, and a process that took 2.5 GB at its peak, Python and torch included.
"""

from dataclasses import dataclass

from wrank.model.size import ModelSize
from wrank.training.settings import TrainerSettings

_KEPT, _MASKS = 34, 2  # bytes a token, layer and hidden number
_CHUNK_TOKENS = 256  # of each of trainer.passage_chunk's texts


@dataclass(frozen=True)
class Batch:
    """The texts of one device's batch.

    Attributes:
        queries: of the batch.
        passages: a query's list.
        query_length: most tokens of a query; 0 for a cross-encoder.
        passage_length: most tokens of a passage, or of a pair.
    """

    queries: int
    passages: int
    query_length: int
    passage_length: int

    @property
    def tokens(self) -> int:
        """Of all texts at their limits."""
        return self.queries * (self.query_length + self.passages * self.passage_length)


@dataclass(frozen=True)
class Kind:
    """How weights are kept and changed.

    Attributes:
        trained: numbers that are trained.
        precision: as `TrainerSettings.resolved_precision`.
        quantized: whether frozen weights have 4 bits.
        checkpointed: whether a layer's activations are computed again in the backward pass.
    """

    trained: int
    precision: str
    quantized: bool = False
    checkpointed: bool = False


def memory_bytes(size: ModelSize, settings: TrainerSettings, batch: Batch, kind: Kind) -> float:
    """What a training takes of one device's memory.

    Args:
        size: of the model.
        settings: the trainer's keys.
        batch: its texts.
        kind: how weights are kept.
    """
    number = 2 if kind.precision == "bf16-true" else 4
    frozen = size.parameters if kind.trained < size.parameters else 0
    moved = 4 if frozen else number  # an adapter stays float32
    weights: float = kind.trained * moved + frozen * (0.5 if kind.quantized else number)
    gradients, moments = 1.0 * kind.trained * moved, 2.0 * kind.trained * moved
    ranks = settings.world_size
    if settings.strategy == "fsdp2":
        weights, gradients, moments = weights / ranks, gradients / ranks, moments / ranks
    elif settings.strategy == "deepspeed":
        gradients, moments = gradients / (ranks if settings.deepspeed_stage == 2 else 1), moments / ranks
    return weights + gradients + moments + _activations(size, settings, batch, kind)


def _activations(size: ModelSize, settings: TrainerSettings, batch: Batch, kind: Kind) -> float:
    tokens = batch.tokens
    if settings.cache_gradients and settings.passage_chunk is not None:
        tokens = min(tokens, settings.passage_chunk * _CHUNK_TOKENS)
    wide = 2 if kind.precision == "32-true" else 1
    layer = tokens * size.hidden * (wide * (_KEPT - _MASKS) + _MASKS)
    if kind.checkpointed:  # each layer's input, and one layer whole
        return tokens * size.hidden * 2 * wide * size.layers + layer
    return layer * size.layers


def disk_bytes(size: ModelSize, kind: Kind, *, passages: int, vectors: int, vector_bytes: int) -> float:
    """What a training and its evaluation take of the disk at their peak.

    ``best/`` and ``last/``, the checkpoint that a killed training goes on from (weights and AdamW's two moments), and
    vectors of the passages.

    Args:
        size: of the model.
        kind: how weights are kept.
        passages: that are encoded.
        vectors: sets of vectors: one of the base, one of the trained model.
        vector_bytes: bytes of a number of a vector.
    """
    number = 2 if kind.precision == "bf16-true" else 4
    weights = size.parameters * number
    moved = 4 if kind.trained < size.parameters else number
    return 3.0 * weights + 2 * kind.trained * moved + float(passages) * vectors * size.hidden * vector_bytes
