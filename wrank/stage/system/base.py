"""The contract of a system: it ranks a test set's corpus for its judged queries."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrank.evaluation.ranking import Rankings
from wrank.stage.context import Context
from wrank.stage.test_set import TestSet
from wrank.store import Stage


@dataclass(frozen=True)
class Ranked:
    """What a system found.

    Attributes:
        rankings: of the judged queries.
        counts: texts cut at the length limit, and the like.
        timings: seconds of each step.
        facts: anything else for the manifest, e.g. an index's recall.
        constant_from: a ranking of at least so many passages that all have one score says nothing; of a system that
            ranks only what it finds, a shorter one does.
        scored: ranks whose scores mean something; a reranker's do to its depth. None = all.
    """

    rankings: Rankings
    counts: dict[str, int]
    timings: dict[str, float]
    facts: dict[str, Any] = field(default_factory=dict)
    scored: int | None = None
    constant_from: int = 2


def whole(test: TestSet) -> int:
    """Passages of a ranking that holds all it could: the depth, or the corpus."""
    return min(test.settings.depth, len(test.collection.passages))


class System(ABC):
    """Ranks.

    Attributes:
        name: what it is called in tables and folders.
    """

    name: str

    @abstractmethod
    def identity(self, context: Context, test: TestSet) -> tuple[dict[str, Any], Mapping[str, str]]:
        """(Config, content keys of inputs) that can change its rankings, beside the test set's own.

        Raises:
            WrankError: a system that cannot rank this set; before any work.
        """

    @abstractmethod
    def rank(self, context: Context, test: TestSet, query_ids: Sequence[str], stage: Stage, folder: Path) -> Ranked:
        """Ranks the corpus.

        Args:
            context: the job.
            test: the test set.
            query_ids: the judged queries, ascending.
            stage: the evaluation that this is a part of.
            folder: where it works.

        Raises:
            WrankError: see the systems.
        """

    def helper(self, context: Context, test: TestSet, stage: Stage) -> Callable[[Path], None] | None:
        """Takes a part of what another process does, where the system's work has parts."""
        return None
