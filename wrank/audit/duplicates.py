"""Texts that come twice, or nearly: within a query, across queries, and passages that are their query."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from wrank.audit.data import Graded
from wrank.audit.near import Shingles, band_keys, candidates, jaccard, shingles
from wrank.generator.text import Text

RUN = 3  # words a shingle
QUERY_JACCARD = 0.8  # queries are compared by their words: runs of three are too rare in them
SMALL = 16  # a query with no more passages than this has all its pairs compared

Pair = tuple[float, int, int]  # similarity, and the places of two texts


class Clusters:
    """Texts joined by pairs; who is joined through a third text is joined too.

    Args:
        size: number of texts.
    """

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, one: int) -> int:
        """The cluster of a text."""
        while self._parent[one] != one:
            self._parent[one] = one = self._parent[self._parent[one]]
        return one

    def join(self, one: int, other: int) -> bool:
        """Joins two clusters; False when they were one."""
        a, b = sorted((self.find(one), self.find(other)))
        self._parent[b] = a
        return a != b


def duplicates(data: Graded, threshold: float, examples: int) -> dict[str, Any]:
    """Shares of passages that have an exact or near duplicate under another id, by level, and the worst pairs.

    Exact: equal words in order (case, punctuation and space aside). Near: Jaccard similarity of the runs of three
    words at or above `threshold`. A passage that is graded for several queries under one id is no duplicate. A pair
    is `contradictory` when one query holds both at different levels.

    Args:
        data: what is audited.
        threshold: Jaccard similarity (0 to 1).
        examples: pairs shown.
    """
    digests = [digest(text) for text in data.texts]
    clusters, pairs = find_pairs(data.texts, digests, RUN, threshold, extra=_within_queries(data))
    exact = Counter(digests)
    cluster_of = np.array([clusters.find(place) for place in range(len(data.texts))], dtype=np.int64)
    members = np.bincount(cluster_of, minlength=len(data.texts))
    queries_of: dict[int, set[str]] = defaultdict(set)
    passages_of: dict[tuple[str, int], set[int]] = defaultdict(set)
    levels_of: dict[tuple[str, int], set[int]] = defaultdict(set)
    for number, row in enumerate(data.rows):
        passage = int(data.passage_of[number])
        cluster = int(cluster_of[passage])
        if members[cluster] > 1:
            queries_of[cluster].add(row.query_id)
            passages_of[row.query_id, cluster].add(passage)
            levels_of[row.query_id, cluster].add(int(data.level_of[number]))
    flags = np.zeros((3, len(data.rows)), dtype=bool)  # any, within, across
    for number, row in enumerate(data.rows):
        cluster = int(cluster_of[data.passage_of[number]])
        if members[cluster] > 1:
            within = len(passages_of[row.query_id, cluster]) > 1
            flags[:, number] = True, within, len(queries_of[cluster]) > 1
    contradictory = sum(len(levels) > 1 and len(passages_of[key]) > 1 for key, levels in levels_of.items())
    ids = list(data.of_query)
    return {
        "threshold": threshold,
        "share": float(flags[0].mean()),
        "within_share": float(flags[1].mean()),
        "across_share": float(flags[2].mean()),
        "exact_share": float(np.mean([exact[digests[place]] > 1 for place in data.passage_of])),
        "contradictory": int(contradictory),
        "levels": [
            {
                "grade": data.levels[level],
                "within_share": float(flags[1][data.level_of == level].mean()),
                "across_share": float(flags[2][data.level_of == level].mean()),
            }
            for level in range(len(data.levels))
        ],
        "worst": _worst(data, pairs, cluster_of, members, examples),
        "queries": _queries([data.source.queries[id] for id in ids], ids, examples),
    }


def find_pairs(
    texts: Sequence[str],
    digests: Sequence[bytes],
    run: int,
    threshold: float,
    extra: Iterable[tuple[int, int]] = (),
) -> tuple[Clusters, list[Pair]]:
    """Clusters of equal and nearly equal texts, and the pairs that joined them.

    Args:
        texts: what is compared.
        digests: the `digest` of each.
        run: words a shingle.
        threshold: Jaccard similarity from which two texts are joined.
        extra: pairs (places) that are compared whatever the sketches say.

    Returns:
        The clusters, and for each join one pair with its similarity (1 = equal words in order).
    """
    clusters, pairs, first = Clusters(len(texts)), [], dict[bytes, int]()
    kept: list[int] = []
    for place, one in enumerate(digests):
        if one not in first:
            first[one] = place
            kept.append(place)
        elif clusters.join(first[one], place):
            pairs.append((1.0, first[one], place))
    sets: dict[int, Shingles] = {}

    def of(place: int) -> Shingles:
        if place not in sets:
            if len(sets) > 20_000:
                sets.clear()
            sets[place] = shingles(Text(texts[place]), run)
        return sets[place]

    keys = band_keys(of(place) for place in kept)
    close = ((kept[a], kept[b]) for a, b in candidates(keys).tolist())
    for source in (close, extra):
        for a, b in source:
            if clusters.find(a) != clusters.find(b) and (similarity := jaccard(of(a), of(b))) >= threshold:
                clusters.join(a, b)
                pairs.append((similarity, a, b))
    return clusters, pairs


def digest(text: str) -> bytes:
    """The same for texts whose words are the same, in order (case, punctuation and space aside)."""
    return hashlib.blake2b(Text(text).normal.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _within_queries(data: Graded) -> Iterator[tuple[int, int]]:
    for rows in data.of_query.values():
        if len(rows) <= SMALL:
            places = sorted({int(data.passage_of[row]) for row in rows})
            yield from ((a, b) for number, a in enumerate(places) for b in places[number + 1 :])


def _worst(
    data: Graded, pairs: list[Pair], cluster_of: np.ndarray, members: np.ndarray, examples: int
) -> list[dict[str, Any]]:
    """The pairs worth looking at: contradictory ones first, then the most alike; one a cluster."""
    rows_of: dict[int, list[int]] = defaultdict(list)
    wanted = {place for _, a, b in pairs for place in (a, b)}
    for number, passage in enumerate(data.passage_of.tolist()):
        if passage in wanted:
            rows_of[passage].append(number)
    told = []
    for similarity, a, b in pairs:
        left, right = _closest(data, rows_of[a], rows_of[b])
        same = data.rows[left].query_id == data.rows[right].query_id
        apart = same and data.level_of[left] != data.level_of[right]
        told.append((not apart, not same, -similarity, a, b, left, right))
    shown: list[dict[str, Any]] = []
    seen: set[int] = set()
    for not_apart, not_same, similarity, a, _, left, right in sorted(told):
        cluster = int(cluster_of[a])
        if cluster in seen:
            continue
        seen.add(cluster)
        shown.append(
            {
                "similarity": -similarity,
                "same_query": not not_same,
                "contradictory": not not_apart,
                "alike": int(members[cluster]),
                "passages": [passage_record(data, row) for row in (left, right)],
            }
        )
        if len(shown) == examples:
            break
    return shown


def _closest(data: Graded, left: list[int], right: list[int]) -> tuple[int, int]:
    """A row of each passage, of one query where there is one."""
    of_query = {data.rows[row].query_id: row for row in reversed(left)}
    for row in right:
        if data.rows[row].query_id in of_query:
            return of_query[data.rows[row].query_id], row
    return left[0], right[0]


def passage_record(data: Graded, row: int) -> dict[str, Any]:
    """A graded passage as it is shown among examples."""
    one = data.rows[row]
    return {
        "query_id": one.query_id,
        "query": data.query(row)[:500],
        "passage_id": one.passage_id,
        "grade": float(one.grade),
        "text": one.text[:1500],
    }


def _queries(texts: list[str], ids: list[str], examples: int) -> dict[str, Any]:
    """Queries that are equal, or nearly by their words."""
    digests = [digest(text) for text in texts]
    clusters, pairs = find_pairs(texts, digests, 1, QUERY_JACCARD)
    sizes = Counter(clusters.find(place) for place in range(len(texts)))
    alike = sum(size for size in sizes.values() if size > 1)
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:examples]
    return {
        "threshold": QUERY_JACCARD,
        "share": alike / len(texts),
        "exact": sum(digests[a] == digests[b] for _, a, b in pairs),
        "worst": [
            {"similarity": similarity, "queries": [{"id": ids[place], "text": texts[place][:500]} for place in (a, b)]}
            for similarity, a, b in worst
        ],
    }
