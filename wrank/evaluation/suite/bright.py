"""BRIGHT (arXiv 2407.12883): 12 tasks whose relevant documents are found by reasoning.

Rules, as in its evaluation code: the main measure is nDCG@10, averaged over the 12 tasks; the documents that a query
was made from (``excluded_ids``) leave its ranking; documents have no titles. Its authors give each model that follows
instructions one for each task, in that model's own form: none is built in here, they are the key ``prompts``.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from wrank.data.source.bright import TASKS, BrightSource
from wrank.evaluation.suite.base import EvaluationSet, Suite, check_words


class BrightSuite(Suite):
    """BRIGHT's tasks.

    Args:
        folder: where collections are kept (``paths.collections``).
        subset: see `Suite`.
        in_domain: see `Suite`.
        prompts: task -> text put before its queries; a task that is not there has the model's own prompt.
        revision: commit that BRIGHT must have been fetched at; None takes whichever was fetched.

    Raises:
        WrankError: an unknown task in `prompts`.
    """

    name = "bright"

    def __init__(
        self,
        folder: str,
        subset: Sequence[str] | None = None,
        in_domain: Sequence[str] = (),
        prompts: Mapping[str, str] | None = None,
        revision: str | None = None,
    ) -> None:
        super().__init__(subset, in_domain)
        self.folder, self.prompts, self.revision = folder, dict(prompts or {}), revision
        check_words(self.prompts, TASKS, "evaluation.suite.prompts")

    def all_sets(self) -> list[EvaluationSet]:
        """The 12 tasks."""
        return [
            EvaluationSet(
                task, partial(BrightSource, task, self.folder, self.revision), query_prompt=self.prompts.get(task)
            )
            for task in TASKS
        ]
