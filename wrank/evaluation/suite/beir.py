"""BEIR (arXiv 2104.08663): zero-shot retrieval over the collections of it that are public.

Rules, as in the paper and in the evaluator of the package beir: the main measure is nDCG@10; the test split is
evaluated, of MS MARCO the dev split; a passage whose id is the query's leaves the ranking (``ignore_identical_ids``);
title and text are joined by one space. The 12 parts of CQADupStack are averaged first and count as one set. MS MARCO is
what models are trained on: it is in-domain and not in the average, which is over the 14 other sets. (The paper's own
average has four more, whose texts are not public.) A grade below 0 counts as not relevant, as for trec_eval.
"""

from collections.abc import Sequence
from functools import partial

from wrank.data.source.public import PublicSource
from wrank.evaluation.suite.base import EvaluationSet, Suite

GROUP = "cqadupstack"
PARTS = (
    *("android", "english", "gaming", "gis", "mathematica", "physics"),
    *("programmers", "stats", "tex", "unix", "webmasters", "wordpress"),
)
NAMES = (
    *("msmarco", "trec-covid", "nfcorpus", "nq", "hotpotqa", "fiqa", "arguana", "webis-touche2020"),
    *(GROUP, "quora", "dbpedia-entity", "scidocs", "fever", "climate-fever", "scifact"),
)
"""What is fetched, in the order of the paper's tables."""


class BeirSuite(Suite):
    """BEIR's public sets.

    Args:
        folder: where collections are kept (``paths.collections``).
        subset: see `Suite`; ``cqadupstack`` stands for its 12 parts.
        in_domain: see `Suite`.
    """

    name = "beir"

    def __init__(
        self, folder: str, subset: Sequence[str] | None = None, in_domain: Sequence[str] = ("msmarco",)
    ) -> None:
        super().__init__(subset, in_domain)
        self.folder = folder

    def all_sets(self) -> list[EvaluationSet]:
        """15 names, one of them in 12 parts."""
        found = []
        for name in NAMES:
            for one in [f"{GROUP}/{part}" for part in PARTS] if name == GROUP else [name]:
                source = partial(_source, one, self.folder)
                split, group = "dev" if name == "msmarco" else "test", GROUP if name == GROUP else None
                found.append(EvaluationSet(one, source, split=split, group=group))
        return found


def _source(name: str, folder: str) -> PublicSource:
    source = PublicSource(name, folder)
    source.negative_grades = "zero"  # some of TREC's judgements are below 0
    return source
