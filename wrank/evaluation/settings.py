"""What a user sets about an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wrank.errors import WrankError
from wrank.evaluation.measure import parse_measures

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class EvaluationSettings:
    """How a collection is encoded, searched and measured; checked when made.

    Attributes:
        measures: names of measures, in the notation of ir_measures.
        depth: passages kept a query; no measure can look deeper.
        precision: number format of the encoder's inner products; vectors, scores and search are float32 always.
        batch_tokens: tokens a batch, padding included; a text longer than this makes a batch of its own.
        chunk: passages scored at once; bounds memory, changes no result.
        drop_self: whether a passage whose id is the query's leaves the ranking (for queries that are passages).
    """

    measures: Sequence[str] = ("nDCG@10", "RR@10", "R@100", "AP")
    depth: int = 1000
    precision: Precision = "float32"
    batch_tokens: int = 4096
    chunk: int = 8192
    drop_self: bool = False

    def __post_init__(self) -> None:
        parsed = parse_measures(self.measures)
        object.__setattr__(self, "measures", tuple(str(measure) for measure in parsed))
        for name in ("depth", "batch_tokens", "chunk"):
            if getattr(self, name) < 1:
                raise WrankError(f"evaluation.{name} is {getattr(self, name)}; it must be at least 1")
        if self.precision not in PRECISIONS:
            raise WrankError(f"evaluation.precision is {self.precision!r}; it must be one of {', '.join(PRECISIONS)}")
        for measure in parsed:
            cutoff = measure.params.get("cutoff", 0)
            if cutoff > self.depth:
                raise WrankError(f"evaluation.depth is {self.depth}, but {measure} looks at {cutoff}; raise depth")
