"""NanoBEIR: 13 sets of 50 queries cut from BEIR, for a quick look at many domains.

Rules, as in the evaluator of sentence-transformers, whose figures are the published ones: the main measure is nDCG@10,
averaged over the 13 sets, MS MARCO among them; a passage whose id is the query's stays in the ranking (BEIR itself
takes it out: ``evaluation.drop_self=true``); there are no titles. One difference: that evaluator leaves out passages
with an empty text, which stay in the ranking here.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from wrank.data.source.nano_beir import NAMES, NanoBeirSource
from wrank.evaluation.suite.base import EvaluationSet, Suite, check_words


class NanoBeirSuite(Suite):
    """NanoBEIR's sets.

    Args:
        folder: where collections are kept (``paths.collections``).
        subset: see `Suite`.
        in_domain: see `Suite`.
        revisions: set -> commit it must have been fetched at; a set that is not there may be of any.

    Raises:
        WrankError: an unknown set in `revisions`.
    """

    name = "nano_beir"

    def __init__(
        self,
        folder: str,
        subset: Sequence[str] | None = None,
        in_domain: Sequence[str] = (),
        revisions: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(subset, in_domain)
        self.folder, self.revisions = folder, dict(revisions or {})
        check_words(self.revisions, NAMES, "evaluation.suite.revisions")

    def all_sets(self) -> list[EvaluationSet]:
        """The 13 sets."""
        return [
            EvaluationSet(name, partial(NanoBeirSource, name, self.folder, self.revisions.get(name))) for name in NAMES
        ]
