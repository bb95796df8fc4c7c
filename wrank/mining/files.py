"""Rankings on disk: a file for each finished chunk of queries, so that a killed run goes on with the next chunk.

Shapes: C queries of a chunk, M ranks of all of them, P known positives of all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.files import atomic_writer
from wrank.mining.base import Miner, Ranking
from wrank.mining.known import known_of

_KINDS = {
    "query_rows": "<i4",  # [C]
    "offsets": "<i8",  # [C + 1], into rows and scores
    "rows": "<i4",  # [M]
    "scores": "<f4",  # [M]
    "positive_offsets": "<i8",  # [C + 1], into positive_scores
    "positive_scores": "<f4",  # [P]
}


class Ranked(NamedTuple):
    """A ranking, and the scores of the query's known positives in ascending order of their rows."""

    ranking: Ranking
    positive_scores: np.ndarray


class RankingFiles:
    """The files in a folder: ``rankings-<place of the first query>.npz``.

    Args:
        folder: where; there already.

    Attributes:
        done: how many queries are in the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.done = 0
        self._paths: list[Path] = []
        while (path := self._path(self.done)).is_file():
            self._paths.append(path)
            self.done += len(_read(path)["query_rows"])

    def append(self, ranked: Sequence[Ranked]) -> None:
        """Writes one chunk; the file is there whole or not at all.

        Args:
            ranked: C rankings, at least one.

        Raises:
            WrankError: a full disk, a place that cannot be written.
        """
        rankings = [each.ranking for each in ranked]
        columns = {
            "query_rows": np.array([ranking.query_row for ranking in rankings]),
            "offsets": _offsets([len(ranking.rows) for ranking in rankings]),
            "rows": np.concatenate([ranking.rows for ranking in rankings]),
            "scores": np.concatenate([ranking.scores for ranking in rankings]),
            "positive_offsets": _offsets([len(each.positive_scores) for each in ranked]),
            "positive_scores": np.concatenate([each.positive_scores for each in ranked]),
        }
        path = self._path(self.done)
        with atomic_writer(path) as file:
            np.savez(file, **{name: columns[name].astype(kind) for name, kind in _KINDS.items()})  # type: ignore[arg-type]
        self._paths.append(path)
        self.done += len(ranked)

    def __iter__(self) -> Iterator[Ranked]:
        """Every query's ranking, in the order of writing; a chunk is in memory at a time."""
        for path in self._paths:
            columns = _read(path)
            ends, positive_ends = columns["offsets"].tolist(), columns["positive_offsets"].tolist()
            for place, query_row in enumerate(columns["query_rows"].tolist()):
                span = slice(ends[place], ends[place + 1])
                positives = columns["positive_scores"][positive_ends[place] : positive_ends[place + 1]]
                ranking = Ranking(query_row, columns["rows"][span].astype(np.int64), columns["scores"][span])
                yield Ranked(ranking, positives)

    def _path(self, place: int) -> Path:
        return self._folder / f"rankings-{place:09d}.npz"


def rank_all(
    miner: Miner,
    collection: Collection,
    query_rows: np.ndarray,
    depth: int,
    files: RankingFiles,
    *,
    drop_self: bool,
    progress: Callable[[int], None],
) -> None:
    """Ranks the queries that the files do not hold yet, a chunk at a time.

    Args:
        miner: opened.
        collection: passages and judgements.
        query_rows: rows of all queries; each has a known positive.
        depth: ranks a query.
        files: where chunks are kept; those there are not ranked again.
        drop_self: whether a passage whose id is the query's counts as excluded.
        progress: called with the number of queries just ranked.
    """
    while files.done < len(query_rows):
        part = query_rows[files.done : files.done + miner.chunk]
        rankings = []
        for ranking in miner.rank(collection, part, depth):
            rankings.append(ranking)
            progress(1)
        positives = [known_of(collection, int(row), drop_self=drop_self).positive_rows for row in part.tolist()]
        sizes = [len(rows) for rows in positives]
        scores = miner.score_pairs(collection, np.repeat(part, sizes), np.concatenate(positives))
        by_query = np.split(scores, np.cumsum(sizes)[:-1])
        files.append([Ranked(ranking, own) for ranking, own in zip(rankings, by_query, strict=True)])


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))])


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in _KINDS}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise WrankError(f"{path}: no file of rankings ({error}): remove {path.parent}, it is made again") from None
