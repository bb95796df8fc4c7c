"""What an index is: the contract, what it finds as rankings, and how much of the exact search that is.

An index answers which passages have the greatest dot products with a query. FAISS keeps all vectors in memory while it
builds (for a moment up to three times their size, when its array grows), and a graph beside them. A finished file is
mapped where FAISS can do that (1.11 and later): its pages are read when needed and shared by processes.

Shapes: Q queries, N passages, D embedding size, K ranks, B queries of a block, P pairs left out, W ranks asked for.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.index.library import check_finite, chunks, library, use_threads
from wrank.evaluation.ranking import Rankings, Ties
from wrank.evaluation.search import NOTHING_LEFT_OUT, LeftOut
from wrank.evaluation.vectors import Progress, Readable
from wrank.files import atomic_writer, write_atomic

FILE = "index.faiss"
META = "index.json"

_BLOCK = 1024  # queries asked at once: memory is that many x ranks asked for


class Searcher:
    """An index that is open.

    Args:
        index: of FAISS, filled.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @property
    def dimension(self) -> int:
        """Size D of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        """Number of vectors N."""
        return int(self._index.ntotal)

    def search(self, queries_QD: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k passages that the index takes for the best of each query, best first; ties in no particular order.

        Args:
            queries_QD: float32.
            k: ranks wanted, at least 1.

        Returns:
            Dot products, float32 [Q, K], and rows, int64 [Q, K]; -inf and -1 where no passage was found.

        Raises:
            WrankError: vectors of another size, k below 1, a number that is not finite.
        """
        if queries_QD.ndim != 2 or queries_QD.shape[1] != self.dimension:
            raise WrankError(
                f"index: query vectors have the shape {queries_QD.shape}, the index has {self.dimension} dimensions; "
                "both must come from the same model"
            )
        if k < 1:
            raise WrankError(f"index: k is {k}; it must be at least 1")
        check_finite(queries_QD, "query", 0)
        use_threads()
        scores_QK, rows_QK = self._index.search(np.ascontiguousarray(queries_QD, dtype=np.float32), k)
        found_QK = rows_QK >= 0
        if not np.isfinite(scores_QK[found_QK]).all():
            raise WrankError("index: a score is not finite: a vector holds NaN, or values too large for float32")
        return np.where(found_QK, scores_QK, np.float32(-np.inf)), rows_QK


@dataclass(frozen=True)
class Index(ABC):
    """A kind of index and its parameters: a frozen dataclass, whose fields are the keys of its option.

    Attributes:
        name: the option's name.
        searching: the fields that are read when a query is asked; another value needs no new build.
    """

    name: ClassVar[str]
    searching: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """All that decides what is found, for a key: name, parameters, version of FAISS. Ready for JSON.

        Raises:
            WrankError: FAISS is not installed.
        """
        return {"index": self.name, **asdict(self), "faiss": str(library().__version__)}

    def build_identity(self) -> dict[str, Any]:
        """What of `identity` decides the files that `build` writes.

        Raises:
            WrankError: FAISS is not installed.
        """
        return {key: value for key, value in self.identity().items() if key not in self.searching}

    def build(self, vectors: Readable, folder: Path, progress: Progress | None = None) -> None:
        """Writes the index of all vectors into an existing folder: ``index.faiss``, then ``index.json``.

        Args:
            vectors: N vectors, read a chunk at a time.
            folder: where to; files there are replaced.
            progress: called with the number of vectors just added.

        Raises:
            WrankError: no FAISS, no vectors, a number that is not finite, parameters that do not fit the number of
                vectors, a full disk.
        """
        if not len(vectors):
            raise WrankError("index: there is no vector; wanted a corpus of at least one passage")
        use_threads()
        index = self._empty(vectors)
        with self._adding():
            for chunk_CD in chunks(vectors):
                index.add(chunk_CD)
                if progress is not None:
                    progress(len(chunk_CD))
        with atomic_writer(folder / FILE) as file:
            library().write_index(index, library().PyCallbackIOWriter(file.write))
        facts = {"bytes": (folder / FILE).stat().st_size, "rows": len(vectors), "dimension": vectors.dimension}
        write_atomic(folder / META, json.dumps(self.build_identity() | facts, indent=1) + "\n")

    def open(self, folder: Path) -> Searcher:
        """What `build` wrote, ready for queries.

        Args:
            folder: of the files.

        Raises:
            WrankError: no FAISS, no index there, a damaged one, or one built with other parameters.
        """
        advice = f"remove {folder}, it is made again"
        library()  # an error of a missing package before one of a missing file
        try:
            meta = json.loads((folder / META).read_text(encoding="utf-8"))
            size = (folder / FILE).stat().st_size
            wanted = {key: value for key, value in self.build_identity().items() if key != "faiss"}
            built = {key: meta[key] for key in wanted}
            whole = size == meta["bytes"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WrankError(f"{folder}: no index ({error!r}): {advice}") from None
        if built != wanted:
            raise WrankError(f"{folder}: an index of {built}, wanted {wanted}: {advice}")
        if not whole:
            raise WrankError(f"{folder / FILE}: holds {size} bytes, wanted {meta['bytes']}: damaged; {advice}")
        try:
            index = library().read_index(str(folder / FILE), getattr(library(), "IO_FLAG_MMAP_IFC", 0))
        except (RuntimeError, MemoryError) as error:
            reason = str(error).strip().split("\n")[0]
            raise WrankError(f"{folder / FILE}: FAISS cannot read it ({reason}): {advice}") from None
        if (index.ntotal, index.d) != (meta["rows"], meta["dimension"]):
            raise WrankError(f"{folder / FILE}: holds other vectors than {META} tells: damaged; {advice}")
        self._tune(index)
        return Searcher(index)

    @abstractmethod
    def _empty(self, vectors: Readable) -> Any:
        """An index of FAISS for these vectors: trained, and still empty."""

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """Is around all adding of vectors."""
        yield

    def _tune(self, index: Any) -> None:  # noqa: B027 - most indexes have nothing to set
        """Sets on an open index what is read when a query is asked."""


def index_rankings(
    searcher: Searcher,
    queries_QD: np.ndarray,
    query_ids: Sequence[str],
    passage_ids: Sequence[str],
    ties: Ties,
    *,
    k: int,
    left_out: LeftOut = NOTHING_LEFT_OUT,
) -> Rankings:
    """The k best passages of each query among those that an index finds, ties by the rule of `ranking.py`.

    A query is asked for k and as many more as pairs leave it. Passages of equal score at the cut-off are the index's
    choice.

    Args:
        searcher: an open index over the passages, by row.
        queries_QD: query vectors, float32.
        query_ids: Q ids.
        passage_ids: N ids by row; decoded when asked for.
        ties: the order of the ids.
        k: ranks wanted; shorter where the corpus, or the index, gives fewer.
        left_out: pairs that leave the rankings before the cut-off.

    Raises:
        WrankError: shapes that do not fit, k below 1, a query id twice, a number that is not finite.
    """
    for what, count, ids in (("query", len(queries_QD), query_ids), ("indexed", len(searcher), passage_ids)):
        if count != len(ids):
            raise WrankError(f"index: {len(ids)} ids came with {count} {what} vectors")
    if len(set(query_ids)) < len(query_ids):
        raise WrankError("index: a query id comes twice; ids must be unique")
    if k < 1:
        raise WrankError(f"index: k is {k}; it must be at least 1")
    k = min(k, len(searcher))
    scores_QK = np.full((len(query_ids), k), -np.inf, dtype=np.float32)
    rows_QK = np.full(scores_QK.shape, -1, dtype=np.int64)
    pairs_P2 = left_out.pairs_P2[np.argsort(left_out.pairs_P2[:, 0], kind="stable")]
    for start in range(0, len(query_ids), _BLOCK):
        stop = min(start + _BLOCK, len(query_ids))
        first, last = np.searchsorted(pairs_P2[:, 0], [start, stop])
        gone_P2 = pairs_P2[first:last] - [start, 0]
        scores_QK[start:stop], rows_QK[start:stop] = _block(searcher, queries_QD[start:stop], gone_P2, ties, k)
    return Rankings(list(query_ids), passage_ids, rows_QK, scores_QK, left_out.excluded, left_out.dropped_self)


def _block(
    searcher: Searcher, queries_BD: np.ndarray, gone_P2: np.ndarray, ties: Ties, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows [B, K] of a block of queries."""
    most = int(np.bincount(gone_P2[:, 0]).max()) if len(gone_P2) else 0
    scores_BW, rows_BW = searcher.search(queries_BD, min(k + most, len(searcher)))
    if most:
        found_BW = np.arange(len(rows_BW))[:, None] * len(searcher) + rows_BW
        gone_BW = np.isin(found_BW, gone_P2[:, 0] * len(searcher) + gone_P2[:, 1]) & (rows_BW >= 0)
        scores_BW, rows_BW = np.where(gone_BW, np.float32(-np.inf), scores_BW), np.where(gone_BW, -1, rows_BW)
    order_BW = np.lexsort((ties.rank_N[rows_BW], -scores_BW), axis=1)  # a place without a passage has -inf: the end
    order_BK = order_BW[:, :k]
    return np.take_along_axis(scores_BW, order_BK, axis=1), np.take_along_axis(rows_BW, order_BK, axis=1)


def recall_against(found: Rankings, exact: Rankings, depths: Sequence[int]) -> dict[str, float]:
    """The share of the exact search's first d passages that are among the first d found, mean over queries.

    recall@d = mean over queries of (passages in both exact[:d] and found[:d]) / (passages in exact[:d]). A query whose
    exact ranking is empty does not count; with none at all nothing was lost: 1. A passage of the same score as one of
    the exact ones is another passage.

    Args:
        found: rankings by an index.
        exact: rankings of the same queries, or of some of them, over the same passages, by `search.search`.
        depths: values of d; one beyond the ranks that both keep is left out, unless the corpus has no more passages.

    Returns:
        ``recall@d`` by depth, in the order of `depths`.

    Raises:
        WrankError: a query that was not searched with the index, another number of passages, a depth below 1.
    """
    places = {query_id: place for place, query_id in enumerate(found.query_ids)}
    passages = len(exact.passage_ids)
    if any(query_id not in places for query_id in exact.query_ids) or len(found.passage_ids) != passages:
        raise WrankError("recall: the rankings of the index are of other queries or passages than the exact ones")
    if min(depths, default=1) < 1:
        raise WrankError(f"recall: depth is {min(depths)}; it must be at least 1")
    found_QK = found.rows_QK[[places[query_id] for query_id in exact.query_ids]]
    known = min(found_QK.shape[1], exact.rows_QK.shape[1])
    return {f"recall@{d}": _recall(found_QK[:, :d], exact.rows_QK[:, :d]) for d in depths if min(d, passages) <= known}


def _recall(found_QK: np.ndarray, exact_QK: np.ndarray) -> float:
    shares = [
        np.isin(exact_K[exact_K >= 0], found_K).mean()
        for found_K, exact_K in zip(found_QK, exact_QK, strict=True)
        if (exact_K >= 0).any()
    ]
    return float(np.mean(shares)) if shares else 1.0
