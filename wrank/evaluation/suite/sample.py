"""The test split of the graded collection that ships with wrank: a suite that needs no network."""

from wrank.data.source.sample import SampleSource
from wrank.evaluation.suite.base import EvaluationSet, Suite


class SampleSuite(Suite):
    """One set, ``sample``; see `Suite` for the arguments."""

    name = "sample"

    def all_sets(self) -> list[EvaluationSet]:
        """The sample's test split."""
        return [EvaluationSet("sample", SampleSource)]
