"""What a collection, or a mix, yields: counts, lengths, and the lists that would be drawn. Nothing is trained."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.data.lists import ListSampler
from wrank.data.table_base import Table
from wrank.records import RankedList

_TEXTS = 2000  # texts that lengths are taken from
_LISTS = 2000  # lists that are drawn
_EXAMPLES = 3


@dataclass(frozen=True)
class Lists:
    """Lists of epoch 0, drawn as for a training.

    Attributes:
        queries: queries with a list.
        skipped: judged queries without anything relevant.
        drawn: lists that were drawn for the counts below.
        sizes: passages a list -> lists.
        grades: grade -> passages a list, on average.
        sources: where passages came from -> passages a list, on average.
        examples: some of them.
    """

    queries: int
    skipped: int
    drawn: int
    sizes: dict[int, int]
    grades: dict[str, float]
    sources: dict[str, float]
    examples: list[RankedList]


@dataclass(frozen=True)
class Description:
    """A collection, as people want to see it.

    Attributes:
        name: the collection's, and its split's.
        splits: all splits there are.
        counts: see `Collection.describe`.
        lengths: queries, passages -> words a text.
        parts: of a mix; see `describe_parts`.
        lists: what a training would be given; None when nothing can be drawn.
        remark: why nothing can be drawn, or how the lists differ from a training's; "" = neither.
    """

    name: str
    splits: list[str]
    counts: dict[str, Any]
    lengths: dict[str, dict[str, int]]
    parts: dict[str, dict[str, Any]]
    lists: Lists | None
    remark: str = ""


@dataclass(frozen=True)
class Verified:
    """A split, or the like, that was read whole.

    Attributes:
        name: the split; ``part NAME`` or ``mix`` of a mix; ``files`` of a fetched collection.
        counts: see `Collection.describe`.
        wrong: what is wrong, a sentence each.
    """

    name: str
    counts: dict[str, Any]
    wrong: list[str]


def text_lengths(table: Table, rows: np.ndarray) -> dict[str, int]:
    """Words a text, white space separated: 10%, 50%, 90% points and the longest, of 2,000 of the rows at most."""
    if not len(rows):
        return {}
    some = rows[np.unique(np.linspace(0, len(rows) - 1, _TEXTS).astype(np.int64))]
    words = np.array([len(table.text(row).split()) for row in some.tolist()])
    points = {f"{point}%": int(np.percentile(words, point)) for point in (10, 50, 90)}
    return points | {"longest": int(words.max())}


def describe_parts(collection: Collection) -> dict[str, dict[str, Any]]:
    """For each part of a mix: pairs, queries, and pairs by grade, after all steps; empty when nothing is mixed."""
    if collection.mixed is None:
        return {}
    judged, parts = collection.judgements, collection.judgements.extra["part"]
    query_rows = judged.pair_query_rows()
    found = {}
    for number, name in enumerate(collection.mixed.names):
        mine = parts == number
        grades, counts = np.unique(judged.grades[mine], return_counts=True)
        found[name] = {
            "pairs": int(mine.sum()),
            "queries": len(np.unique(query_rows[mine])),
            "grades": {f"{grade:g}": int(count) for grade, count in zip(grades, counts, strict=True)},
        }
    return found


def describe_lists(sampler: ListSampler) -> Lists:
    """Draws up to 2,000 lists of epoch 0, in the order of training."""
    order = sampler.order(0)[:_LISTS].tolist()
    sizes: Counter[int] = Counter()
    grades: Counter[float] = Counter()
    sources: Counter[str] = Counter()
    examples: list[RankedList] = []
    for index in order:
        item = sampler.sample(0, index)
        sizes[len(item.passages)] += 1
        grades.update(item.grades)
        sources.update(item.sources)
        if len(examples) < _EXAMPLES:
            examples.append(item)
    return Lists(
        queries=len(sampler),
        skipped=sampler.skipped,
        drawn=len(order),
        sizes=dict(sorted(sizes.items())),
        grades={f"{grade:g}": grades[grade] / len(order) for grade in sorted(grades, reverse=True)},
        sources={source: count / len(order) for source, count in sources.most_common()},
        examples=examples,
    )
