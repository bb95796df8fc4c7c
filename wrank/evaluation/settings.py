"""What a user sets about an evaluation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wrank.errors import WrankError
from wrank.evaluation.feedback.settings import FeedbackSettings
from wrank.evaluation.index.base import Index
from wrank.evaluation.measure_name import parse_measures
from wrank.evaluation.rerank import Reranker
from wrank.evaluation.suite.base import Suite
from wrank.evaluation.vectors import STORAGES, Storage

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_LEAST_ALPHA = 0.0001


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
        alpha: a difference is marked as significant when its corrected p is below, from 0.0001 (a
            smaller one would take millions of random sign flips) and below 1.
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
        self._check_values()
        self._check_parts()
        for measure in parsed:
            cutoff = measure.params.get("cutoff", 0)
            if cutoff > self.depth:
                raise WrankError(f"evaluation.depth is {self.depth}, but {measure} looks at {cutoff}; raise depth")

    def _check_values(self) -> None:
        """Refuses values of another type or out of range; the configuration lets everything through."""
        for name in ("depth", "batch_tokens", "chunk"):
            if not _is_whole(getattr(self, name)):
                raise WrankError(f"evaluation.{name} is {_told(getattr(self, name))}; wanted a whole number from 1 up")
        if self.processes != "auto" and not _is_whole(self.processes):
            raise WrankError(
                f"evaluation.processes is {_told(self.processes)}; wanted a whole number from 1 up, or auto"
            )
        if not isinstance(self.drop_self, bool):
            raise WrankError(f"evaluation.drop_self is {_told(self.drop_self)}; wanted true or false")
        alpha: Any = self.alpha
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not _LEAST_ALPHA <= alpha < 1:
            raise WrankError(
                f"evaluation.alpha is {_told(alpha)}; wanted a number from {_LEAST_ALPHA} and below 1, e.g. 0.05"
            )
        for name, words in (("storage", STORAGES), ("precision", PRECISIONS)):
            if getattr(self, name) not in words:
                raise WrankError(
                    f"evaluation.{name} is {_told(getattr(self, name))}; it must be one of {', '.join(words)}"
                )
        for name in ("frequencies", "paraphrases"):
            if not isinstance(getattr(self, name), str | None) or getattr(self, name) == "":
                raise WrankError(f"evaluation.{name} is {_told(getattr(self, name))}; wanted a file's path, or null")

    def _check_parts(self) -> None:
        """Refuses what is no object: ``evaluation.index=flat`` sets a word, ``evaluation/index=flat`` chooses."""
        for name, kind in (("index", Index), ("reranker", Reranker), ("feedback", FeedbackSettings), ("suite", Suite)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                chosen = "evaluation=" if name == "suite" else f"evaluation/{name}="
                raise WrankError(f"evaluation.{name} is {_told(value)}; an option is chosen by {chosen}NAME")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _told(value: Any) -> str:
    """A value as it is typed."""
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
