"""MS MARCO passage ranking (arXiv 1611.09268) and the TREC Deep Learning tracks 2019 and 2020 over its passages.

Rules, as published: of the 6,980 queries of dev small RR@10 is the main measure, and R@1000; of the tracks' judged
queries (43 and 54) it is nDCG@10, with linear gain. The tracks' grades are 0 to 3, and their binary measures count 2
and 3 as relevant: a 1 is related, but no answer. There is no average over the three: their measures differ.

The three share one table of passages, which is named by its content. ir_datasets fetches what is missing.
"""

from collections.abc import Sequence
from functools import partial

from wrank.data.source.irds import IrdsSource
from wrank.evaluation.suite.base import EvaluationSet, Suite

CORPUS = "msmarco-passage"
SETS = {
    "dev": f"{CORPUS}/dev/small",
    "dl19": f"{CORPUS}/trec-dl-2019/judged",
    "dl20": f"{CORPUS}/trec-dl-2020/judged",
}
"""Set -> id of ir_datasets."""
GRADED_MEASURES = ("nDCG@10", "RR(rel=2)@10", "AP(rel=2)@1000", "R(rel=2)@1000")


class MsMarcoSuite(Suite):
    """MS MARCO's dev queries, and the queries of two TREC tracks.

    Args:
        subset: see `Suite`.
        in_domain: see `Suite`.
        graded_measures: names of measures for ``dl19`` and ``dl20``, the main one first; `dev` has the settings'.
        revision: words that name the content, as for `IrdsSource`; None hashes it once.
    """

    name = "msmarco"
    averaged = False

    def __init__(
        self,
        subset: Sequence[str] | None = None,
        in_domain: Sequence[str] = (),
        graded_measures: Sequence[str] = GRADED_MEASURES,
        revision: str | None = None,
    ) -> None:
        super().__init__(subset, in_domain)
        self.graded_measures, self.revision = tuple(graded_measures), revision

    def all_sets(self) -> list[EvaluationSet]:
        """``dev``, ``dl19`` and ``dl20``; each is the one split of its reader, so that it does not know the others."""
        return [
            EvaluationSet(
                name,
                partial(IrdsSource, CORPUS, {name: id}, name=self.name, revision=self.revision),
                split=name,
                measures=None if name == "dev" else self.graded_measures,
                relevant=1 if name == "dev" else 2,
            )
            for name, id in SETS.items()
        ]
