"""A folder of one's own whose sub-folders are collections in BEIR's layout."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.evaluation.suite.base import EvaluationSet, Suite

_log = logging.getLogger(__name__)


class LocalSuite(Suite):
    """The collections in a folder, each under its sub-folder's name; sub-folders that are none are named in a warning.

    Args:
        path: the folder; None is refused, with what to do.
        split: the judgements that are evaluated, in every collection.
        subset: see `Suite`.
        in_domain: see `Suite`.

    Raises:
        WrankError: no path.
    """

    name = "local"

    def __init__(
        self,
        path: str | None,
        split: str = "test",
        subset: Sequence[str] | None = None,
        in_domain: Sequence[str] = (),
    ) -> None:
        super().__init__(subset, in_domain)
        if path is None:
            raise WrankError("evaluation.suite.path has no value: give the folder, evaluation.suite.path=...")
        self.path, self.split = Path(path).expanduser(), split

    def all_sets(self) -> list[EvaluationSet]:
        """The collections, by name.

        Raises:
            WrankError: no such folder, no collection in it, or it is one itself.
        """
        if not self.path.is_dir():
            raise WrankError(f"{self.path}: no such folder; wanted one whose sub-folders are collections")
        if _is_collection(self.path):
            raise WrankError(
                f"{self.path}: a collection itself; wanted the folder above it, or evaluation=standard data=beir "
                f"data.path={self.path}"
            )
        folders = sorted(path for path in self.path.iterdir() if path.is_dir() and not path.name.startswith("."))
        found = [path for path in folders if _is_collection(path)]
        others = ", ".join(path.name for path in folders if path not in found)
        if not found:
            raise WrankError(
                f"{self.path}: no collection in it (sub-folders: {others or 'none'}); wanted sub-folders with "
                f"corpus.jsonl, queries.jsonl and qrels/{self.split}.tsv"
            )
        if others:
            _log.warning("%s: no collections, left out: %s (they have no corpus.jsonl)", self.path, others)
        return [EvaluationSet(path.name, partial(BeirSource, str(path)), split=self.split) for path in found]

    def sets(self) -> list[EvaluationSet]:
        """The chosen collections.

        Raises:
            WrankError: as `Suite.sets`, or one that is chosen lacks the split, or its queries.
        """
        chosen = super().sets()
        for one in chosen:  # before hours are spent on those that have it
            source = one.source()
            source.place("queries")  # which refuses, where they are missing
            if self.split not in source.splits():
                there = ", ".join(source.splits()) or "none"
                raise WrankError(
                    f"{self.path / one.name}: no split {self.split!r} (there are: {there}): name another by "
                    f"evaluation.suite.split, or leave it out by evaluation.suite.subset"
                )
        return chosen


def _is_collection(path: Path) -> bool:
    return any((path / name).is_file() for name in ("corpus.jsonl", "corpus.jsonl.gz"))
