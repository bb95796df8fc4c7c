"""A TREC run file as a system: another tool's ranking in the same table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.evaluator import left_out_pairs
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.ranking import Rankings, rankings_of
from wrank.evaluation.search import LeftOut
from wrank.files import sha256_of_file
from wrank.stage.context import Context
from wrank.stage.system.base import Ranked, System, whole
from wrank.stage.test_set import TestSet
from wrank.store import Stage
from wrank.trec import read_run

RUN_SUFFIXES = (".trec", ".run", ".res", ".txt", ".tsv")
"""What a run file's name ends in; ``.res`` is Terrier's."""


class RunSystem(System):
    """Ranks as a file says. The file is read and checked when its identity is asked for: before any work.

    Args:
        path: the run file: ``query-id Q0 passage-id rank score tag``.

    Raises:
        WrankError: no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WrankError(f"{path}: no such run file; wanted lines query-id Q0 passage-id rank score tag")
        self.path, self.name = path, path.name.removesuffix(path.suffix)
        self._read: dict[tuple[Any, ...], _Read] = {}

    @cached_property
    def _sha256(self) -> str:
        return sha256_of_file(self.path)

    def identity(self, context: Context, test: TestSet) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The file's content; the set must be the only one.

        Raises:
            WrankError: a file that is empty, or no run; no judged query in it; ids that are not in the collection.
        """
        self._found(test)
        return {}, {"run": self._sha256}

    def rank(self, context: Context, test: TestSet, query_ids: Sequence[str], stage: Stage, folder: Path) -> Ranked:
        """See `System.rank`; counts ``queries_unjudged_in_run``, queries of the file without a judgement.

        Raises:
            WrankError: see `identity`.
        """
        found = self._found(test)
        counts = {"queries_unjudged_in_run": found.unjudged}
        return Ranked(found.rankings, counts, {}, constant_from=whole(test))

    def _found(self, test: TestSet) -> "_Read":
        """The file's rankings for a test set, read once."""
        collection, settings = test.collection, test.settings
        key = (collection.fingerprint, collection.split, settings.depth, settings.drop_self)
        if key not in self._read:
            query_ids = list(judged_grades(collection.qrels, settings.measures))
            left_out = left_out_pairs(collection, query_ids, settings.drop_self)
            run = read_run(self.path)
            rankings = _rankings(self.path, run, collection, query_ids, settings.depth, left_out)
            self._read[key] = _Read(rankings, len(run.keys() - set(query_ids)))
        return self._read[key]


@dataclass(frozen=True)
class _Read:
    """What a file holds for a test set: rankings of the judged queries, and how many others there are."""

    rankings: Rankings
    unjudged: int


def rankings_of_file(
    path: Path, collection: Collection, query_ids: Sequence[str], depth: int, left_out: LeftOut
) -> Rankings:
    """The rankings of a run file.

    Args:
        path: the file.
        collection: whose passages it ranks.
        query_ids: the queries wanted, Q; others in the file are not read further.
        depth: ranks kept a query.
        left_out: pairs that leave the rankings before the cut-off.

    Raises:
        WrankError: no wanted query in the file, or passages that are not in the collection.
    """
    return _rankings(path, read_run(path), collection, query_ids, depth, left_out)


def _rankings(
    path: Path,
    run: Mapping[str, Sequence[tuple[str, float]]],
    collection: Collection,
    query_ids: Sequence[str],
    depth: int,
    left_out: LeftOut,
) -> Rankings:
    if not any(query_id in run for query_id in query_ids):
        raise WrankError(
            f"{path}: none of the {len(query_ids)} judged queries of {collection.name}/{collection.split} is in it: it "
            f"has {next(iter(run))!r}, the judgements have {query_ids[0]!r}; wanted a run over this collection"
        )
    rows, scores = [], []
    for query_id in query_ids:
        ranking = run.get(query_id, [])
        found = collection.passages.find_many([passage_id for passage_id, _ in ranking])
        if (missing := np.flatnonzero(found < 0)).size:
            raise WrankError(
                f"{path}: passage {ranking[int(missing[0])][0]!r} of query {query_id!r} is not in {collection.name} "
                f"({missing.size} such for this query); wanted a run over this collection"
            )
        rows.append(found)
        scores.append(np.array([score for _, score in ranking], dtype=np.float32))
    rankings = rankings_of(query_ids, collection.passages.ids, rows, scores, depth=depth, left_out_P2=left_out.pairs_P2)
    return replace(rankings, excluded=left_out.excluded, dropped_self=left_out.dropped_self)
