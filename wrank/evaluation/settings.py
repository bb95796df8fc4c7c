"""What a user sets about an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from wrank.errors import WrankError
from wrank.evaluation.feedback.settings import FeedbackSettings
from wrank.evaluation.index.base import Index
from wrank.evaluation.measure import parse_measures
from wrank.evaluation.rerank import Reranker
from wrank.evaluation.suite.base import Suite
from wrank.evaluation.vectors import STORAGES, Storage

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class EvaluationSettings:
    """How a collection is encoded, searched and measured; checked when made.

    Attributes:
        measures: names of measures, in the notation of ir_measures.
        depth: passages kept a query; no measure can look deeper.
        precision: number format of the encoder's inner products; scores and search are float32 always.
        storage: number format of passage vectors on disk: ``float32``, ``float16`` or ``bfloat16``.
        batch_tokens: tokens a batch, padding included; a text longer than this makes a batch of its own.
        processes: that encode on this machine; ``auto``: one a GPU, one on a CPU. Changes no result.
        chunk: passages scored at once; bounds memory, changes no result.
        drop_self: whether a passage whose id is the query's leaves the ranking (for queries that are passages).
        alpha: a difference is marked as significant when its corrected p is below, above 0 and below 1.
        frequencies: a file ``query-id<TAB>count``: how often a query is asked; figures by head, torso and tail.
        paraphrases: a file ``query-id<TAB>question``: queries that word one question; how alike they are answered.
        index: what is searched in place of the vectors themselves, which misses some; None = exact search.
        reranker: scores the best candidates anew; None = nothing does.
        feedback: re-ranks with the help of judged passages, on the residual collection; None = nothing does.
        suite: several test sets in place of the one collection; changes which sets are evaluated, not how, and is part
            of no comparison or key.
    """

    measures: Sequence[str] = ("nDCG@10", "RR@10", "R@100", "AP")
    depth: int = 1000
    precision: Precision = "float32"
    storage: Storage = "float32"
    batch_tokens: int = 4096
    processes: int | str = "auto"
    chunk: int = 16384
    drop_self: bool = False
    alpha: float = 0.05
    frequencies: str | None = None
    paraphrases: str | None = None
    index: Index | None = field(default=None, compare=False)
    reranker: Reranker | None = field(default=None, compare=False)
    feedback: FeedbackSettings | None = field(default=None, compare=False)
    suite: Suite | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        parsed = parse_measures(self.measures)
        object.__setattr__(self, "measures", tuple(str(measure) for measure in parsed))
        for name in ("depth", "batch_tokens", "chunk"):
            if getattr(self, name) < 1:
                raise WrankError(f"evaluation.{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 < self.alpha < 1:
            raise WrankError(f"evaluation.alpha is {self.alpha}; it must be above 0 and below 1")
        if self.storage not in STORAGES:
            raise WrankError(f"evaluation.storage is {self.storage!r}; it must be one of {', '.join(STORAGES)}")
        if self.precision not in PRECISIONS:
            raise WrankError(f"evaluation.precision is {self.precision!r}; it must be one of {', '.join(PRECISIONS)}")
        for measure in parsed:
            cutoff = measure.params.get("cutoff", 0)
            if cutoff > self.depth:
                raise WrankError(f"evaluation.depth is {self.depth}, but {measure} looks at {cutoff}; raise depth")
