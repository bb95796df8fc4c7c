"""What a recipe writes for: the queries or passages of the chosen collection, read when asked for."""

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wrank.config import plain
from wrank.data.collection import Collection
from wrank.data.table_base import Table
from wrank.errors import WrankError
from wrank.generator.base import Recipe
from wrank.generator.request import Item
from wrank.stage.context import Context


@dataclass(frozen=True)
class TableItems:
    """Items by position, their texts still on disk.

    Attributes:
        table: queries, or passages for recipes that start from documents.
        rows: the items' rows in `table`, in their order.
        passages: the table the anchors are in.
        anchors: row of each item's known relevant passage in `passages`; None when the recipe needs none.
        grades: the anchors' grades.
    """

    table: Table
    rows: np.ndarray
    passages: Table | None = None
    anchors: np.ndarray | None = None
    grades: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        if not 0 <= index < len(self):
            raise IndexError(index)
        row = int(self.rows[index])
        item = Item(self.table.id(row), self.table.text(row))
        if self.anchors is None or self.passages is None or self.grades is None:
            return item
        anchor = int(self.anchors[index])
        return dataclasses.replace(
            item,
            anchor_id=self.passages.id(anchor),
            anchor=self.passages.text(anchor),
            anchor_grade=float(self.grades[index]),
        )

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(len(self)))

    def content_key(self) -> str:
        """SHA-256 over ids and texts (of anchors, too), in order: the same items give the same generation."""
        digest = hashlib.sha256()
        for item in self:
            for text in (item.id, item.text, item.anchor_id, item.anchor, f"{item.anchor_grade:g}"):
                data = text.encode("utf-8")
                digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


def find_items(context: Context, recipe: Recipe) -> TableItems:
    """The items of a job: judged queries of the training split, all queries of an unjudged folder, or passages.

    Queries that are evaluated are never written for when there is no training split to go by.

    Args:
        context: the job; ``generator.limit`` takes the first items by a hash of (generator.seed, id).
        recipe: says what it starts from.

    Raises:
        WrankError: nothing to write for, or a limit below 1.
    """
    if recipe.starts_from == "passage":
        table = context.source.passages(_tables(context))
        rows = np.array([row for row in range(len(table)) if not table.is_empty(row)], dtype=np.int64)
        return _limited(context, TableItems(table, rows), "passage")
    split = plain(context.cfg, "data.train_split")
    if not context.source.has_split(split):
        if recipe.starts_from == "anchored":
            raise WrankError(
                f"generator={recipe.name} starts from judged passages, but {context.source.path} has no judgements "
                f"qrels/{split}.tsv: choose generator=graded, or another data.train_split"
            )
        return _limited(context, _unjudged(context, split), "query")
    collection = context.collection(str(split))
    if recipe.starts_from == "query":
        rows = np.array([collection.queries.row(id) for id in sorted(collection.qrels)], dtype=np.int64)
        return _limited(context, TableItems(collection.queries, rows), "query")
    return _limited(context, _anchored(collection), "query")


def _tables(context: Context) -> Path:
    return Path(plain(context.cfg, "paths.tables"))


def _anchored(collection: Collection) -> TableItems:
    """Every query with its best passage that has a text; of equal grades the first id."""
    chosen = []
    for query_id in sorted(collection.qrels):
        judged = collection.qrels[query_id]
        rows = {id: collection.passages.row(id) for id, grade in judged.items() if grade > 0}
        best = min(
            (id for id in rows if not collection.passages.is_empty(rows[id])),
            key=lambda id: (-judged[id], id),
            default=None,
        )
        if best is not None:
            chosen.append((collection.queries.row(query_id), rows[best], judged[best]))
    if not chosen:
        raise WrankError(
            f"{collection.name}/{collection.split}: no query has a relevant passage with a text to write around"
        )
    queries, anchors, grades = (np.array(column) for column in zip(*chosen, strict=True))
    return TableItems(collection.queries, queries, collection.passages, anchors, grades)


def _unjudged(context: Context, split: str | None) -> TableItems:
    folder = context.source.path
    if split is not None and (folder / "qrels").is_dir():
        context.source.load(split, _tables(context))  # says which splits there are
    queries = context.source.queries(_tables(context))
    evaluated: set[str] = set()
    if context.source.has_split(context.test_split):
        evaluated = set(context.collection(context.test_split).qrels)
    rows = np.array([row for row, id in enumerate(queries.ids) if id not in evaluated], dtype=np.int64)
    return TableItems(queries, rows)


def _limited(context: Context, items: TableItems, what: str) -> TableItems:
    if not len(items):
        raise WrankError(f"{context.source.name}: no {what} to write for")
    limit = plain(context.cfg, "generator.limit")
    if limit is None:
        return items
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise WrankError(f"generator.limit={limit}: wanted a whole number from 1 up, or null for all")
    if limit >= len(items):
        return items
    ids, seed = items.table.ids, int(plain(context.cfg, "generator.seed"))
    hashes = [hashlib.blake2b(f"{seed}\0{ids[row]}".encode(), digest_size=8).digest() for row in items.rows]
    chosen = np.array(sorted(sorted(range(len(items)), key=hashes.__getitem__)[:limit]), dtype=np.int64)
    anchors, grades = (None if column is None else column[chosen] for column in (items.anchors, items.grades))
    return TableItems(items.table, items.rows[chosen], items.passages, anchors, grades)
