"""Draws training lists: K passages a query, judged ones first, negatives after them.

What is drawn is a function of (seed, epoch, query id) alone, not of the order of calls, of workers, or of other
queries. Left out of every list: passages excluded for the query, passages without text, and a text that is in the
list already. A negative is never judged or excluded for its query, nor has the text of such a passage.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from wrank.data.augment.base import Augmentation
from wrank.data.collection import Collection
from wrank.data.pool import Pool, dense_candidates, in_turns, read_pool, rows_with_positive
from wrank.data.position import generator_at
from wrank.data.supplement import Supplement
from wrank.errors import WrankError
from wrank.records import RankedList

Choice = Literal["random", "top", "one_per_level", "by_level", "by_source"]
Negatives = Literal["none", "random", "dense"]

_log = logging.getLogger(__name__)
_SMALL = 10_000  # passages; below, all are shuffled to draw some


class ListSampler:
    """Draws one list a query and epoch.

    Args:
        collection: passages, queries, judgements.
        size: K, passages a list; fewer when there are no more.
        choice: which judged passages: ``random`` ones; the ``top`` grades; ``one_per_level``: one of each grade from
            the highest, then any; ``by_level`` and ``by_source``: in turns, one of each grade (or part of a mix), in an
            order of its own for each list, until the list is full. At least one with a grade above 0 is always among
            them.
        judged: the most judged passages (any grade) in a list; None = as many as fit.
        negatives: what fills the list: ``none``; ``random`` passages of the corpus; ``dense``: of a retriever's
            ranking.
        candidates: for ``dense``: query id -> passage ids, best first.
        window: for ``dense``: first and last rank drawn from, counted from 1 after judged, excluded and repeated
            passages have left the ranking.
        paraphrases: the most equivalent forms of the query in a list, where there are some.
        seed: any whole number; 0 is a seed.
        augment: what becomes of each list's texts, or None.
        query_ids: the queries to draw for, None = all judged ones.
        supplement: a teacher's scores, preferences, paraphrases, and how many fixed negatives a query has; None = none.

    Attributes:
        query_rows: int, rows of the queries drawn for: those with a positive.
        skipped: how many queries had no positive with a text and were left out.
        short_windows: how many queries' rankings end before the window does.

    Raises:
        WrankError: settings that do not fit, unknown ids, candidates missing or too few, no query left.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        size: int,
        choice: Choice = "random",
        judged: int | None = None,
        negatives: Negatives = "none",
        candidates: Mapping[str, Sequence[str]] | None = None,
        window: Sequence[int] = (5, 60),
        paraphrases: int = 2,
        seed: int = 0,
        augment: Augmentation | None = None,
        query_ids: Sequence[str] | None = None,
        supplement: Supplement | None = None,
    ) -> None:
        _check(size, choice, judged, negatives, candidates, window, paraphrases)
        self.collection, self.size, self.choice, self.negatives, self.seed = collection, size, choice, negatives, seed
        self.judged = size if judged is None else min(judged, size)
        self.first, self.last = window
        self.paraphrases, self.augment = paraphrases, augment
        originals = None if collection.mixed is None else collection.mixed.originals
        self.supplement = replace(supplement or Supplement(), originals=originals)
        self._candidates = candidates or {}
        wanted = collection.judgements.query_rows if query_ids is None else _rows_of(query_ids, collection)
        self.query_rows = rows_with_positive(collection, wanted)
        self.skipped = len(wanted) - len(self)
        if not len(self):
            raise WrankError(
                f"{collection.name}/{collection.split}: no query has a judged passage with a grade above 0"
            )
        self._stages: dict[int, np.ndarray] = {}
        if collection.mixed is not None and collection.mixed.schedule is not None:
            for one in collection.mixed.schedule.stages:
                self._eligible(one.epoch)  # a stage without a query is told now
        self.short_windows = self._count_short_windows() if negatives == "dense" else 0
        if self.short_windows:
            _log.warning(
                "%d rankings end before rank %d: dense negatives come from fewer", self.short_windows, self.last
            )

    def __len__(self) -> int:
        return len(self.query_rows)

    @property
    def query_ids(self) -> list[str]:
        """The queries drawn for: those with a positive."""
        return [self.collection.queries.id(row) for row in self.query_rows.tolist()]

    def order(self, epoch: int) -> np.ndarray:
        """The order of an epoch's items: a permutation of their indices, a function of (seed, epoch).

        Where a mix's schedule lets fewer queries take part, they come again, in another order, until the epoch is full.
        """
        generator = generator_at("order", self.seed, epoch)
        eligible = self._eligible(epoch)
        if eligible is None:
            return generator.permutation(len(self))
        turns = -(-len(self) // len(eligible))
        return np.concatenate([generator.permutation(eligible) for _ in range(turns)])[: len(self)]

    def _eligible(self, epoch: int) -> np.ndarray | None:
        """Indices of the queries that take part in an epoch; None = all."""
        mixed = self.collection.mixed
        if mixed is None or mixed.schedule is None:
            return None
        stage = mixed.schedule.stage(epoch)
        if stage not in self._stages:
            rows = rows_with_positive(self.collection, self.query_rows, mixed.active(epoch))
            fits = mixed.schedule.wanted(stage, self.collection.queries, self.query_rows)
            self._stages[stage] = np.flatnonzero(np.isin(self.query_rows, rows) & fits)
            if not len(self._stages[stage]):
                raise WrankError(f"data.mix.schedule.stages.{stage}: no query has a relevant passage in it")
        return self._stages[stage]

    def sample(self, epoch: int, index: int) -> RankedList:
        """The list of one query in one epoch.

        Args:
            epoch: from 0.
            index: of the query in `query_rows`.

        Returns:
            Judged passages from the highest grade on, then negatives (grade 0); `sources` holds ``judged`` (or the
            part of a mix), ``random`` or ``dense``.
        """
        query_row = int(self.query_rows[index])
        query_id = self.collection.queries.id(query_row)
        pool = self._pool(query_row, query_id, epoch)
        generator = generator_at("list", self.seed, epoch, query_id)
        chosen = self._choose(pool, generator)
        judged = [pool.rows[place] for place in chosen]
        negatives = self._draw_negatives(pool, generator, self.size - len(judged), query_id)
        table, rows = self.collection.passages, judged + negatives
        teacher = None if pool.teacher is None else [pool.teacher[place] for place in chosen]
        forms = generator_at("paraphrase", self.seed, epoch, query_id)
        item = RankedList(
            query_id=query_id,
            query=self.collection.queries.text(query_row),
            passage_ids=[table.id(row) for row in rows],
            passages=table.texts(rows),
            grades=[pool.grades[place] for place in chosen] + [0.0] * len(negatives),
            sources=[pool.sources[place] for place in chosen] + [self.negatives] * len(negatives),
            weight=pool.weight,
            teacher=self.supplement.teacher(query_row, rows, teacher),
            pairs=self.supplement.pairs(query_row, rows),
            paraphrases=self.supplement.texts(query_row, self.paraphrases, forms),
            keys=[int(table.keys[row]) for row in rows],
        )
        return item if self.augment is None else self.augment(item, epoch)

    def _pool(self, query_row: int, query_id: str, epoch: int | None) -> Pool:
        pool = read_pool(self.collection, query_row, epoch)
        if pool is None:
            raise WrankError(f"query {query_id!r} has no relevant passage any more: the collection changed")
        if self.negatives != "dense":
            return pool
        ranked = self._ranked(query_id, pool)
        return replace(pool, candidates=tuple(ranked[self.first - 1 : self.last]))

    def _ranked(self, query_id: str, pool: Pool) -> list[int]:
        return dense_candidates(self.collection.passages, query_id, self._candidates, pool.forbidden, self.first)

    def _count_short_windows(self) -> int:
        """Reads every ranking once, so that one that is missing is told before training."""
        count = 0
        for query_row, query_id in zip(self.query_rows.tolist(), self.query_ids, strict=True):
            pool = read_pool(self.collection, query_row)
            count += pool is not None and len(self._ranked(query_id, pool)) < self.last
        return count

    def _choose(self, pool: Pool, generator: np.random.Generator) -> list[int]:
        """Places in the pool, from the highest grade on."""
        shuffled: list[int] = generator.permutation(len(pool.rows)).tolist()
        by_grade = sorted(shuffled, key=lambda place: -pool.grades[place])  # stable: equal grades stay shuffled
        if self.choice == "top":
            return by_grade[: self.judged]
        if self.choice == "one_per_level":
            firsts = list({pool.grades[place]: place for place in reversed(by_grade)}.values())[::-1]
            chosen = (firsts + [place for place in shuffled if place not in firsts])[: self.judged]
        else:
            if self.choice != "random":
                shuffled = in_turns(shuffled, pool.grades if self.choice == "by_level" else pool.sources)
            chosen = shuffled[: self.judged]
            if not any(pool.grades[place] > 0 for place in chosen):
                chosen[-1] = next(place for place in shuffled if pool.grades[place] > 0)
        return sorted(chosen, key=lambda place: -pool.grades[place])

    def _draw_negatives(self, pool: Pool, generator: np.random.Generator, count: int, query_id: str) -> list[int]:
        if self.negatives == "none" or count == 0:
            return []
        if self.supplement.negatives is None:
            return self._any_negatives(pool, generator, count)
        some = self._fixed(pool, query_id, self.supplement.negatives)
        return [some[place] for place in generator.permutation(len(some))[:count].tolist()]

    def fixed_negatives(self, index: int, count: int) -> list[int]:
        """Rows of a query's fixed negatives: the same in every epoch and for every seed, so that a teacher scores few.

        Args:
            index: of the query in `query_rows`.
            count: how many are wanted; fewer when there are no more, none where lists have no negatives.
        """
        query_row = int(self.query_rows[index])
        query_id = self.collection.queries.id(query_row)
        return [] if self.negatives == "none" else self._fixed(self._pool(query_row, query_id, None), query_id, count)

    def _fixed(self, pool: Pool, query_id: str, count: int) -> list[int]:
        return self._any_negatives(pool, generator_at("negatives", query_id), count)

    def _any_negatives(self, pool: Pool, generator: np.random.Generator, count: int) -> list[int]:
        if self.negatives == "dense":
            places = generator.permutation(len(pool.candidates))[:count]
            return [pool.candidates[place] for place in places]
        table = self.collection.passages
        drawn: dict[int, int] = {}  # text key -> row
        small = len(table) <= _SMALL
        rows = generator.permutation(len(table)) if small else generator.integers(len(table), size=100 * count)
        for _ in range(1 if small else 2):  # again, over all, should the draws not have been enough
            for row in rows.tolist():
                key = int(table.keys[row])
                if key not in pool.forbidden and not table.is_empty(row):
                    drawn[key] = row
                    if len(drawn) == count:
                        return list(drawn.values())
            rows = generator.permutation(len(table))
        return list(drawn.values())


def _check(
    size: int,
    choice: str,
    judged: int | None,
    negatives: str,
    candidates: Mapping[str, Sequence[str]] | None,
    window: Sequence[int],
    paraphrases: int,
) -> None:
    for name, value, known in (("choice", choice, Choice), ("negatives", negatives, Negatives)):
        if value not in get_args(known):
            raise WrankError(f"lists.{name} is {value!r}; wanted one of {', '.join(get_args(known))}")
    for name, number in (("size", size), ("judged", judged), ("paraphrases", paraphrases)):
        if isinstance(number, bool) or not (isinstance(number, int) or (name == "judged" and number is None)):
            raise WrankError(f"lists.{name} is {number!r}; wanted a whole number")
    if isinstance(window, str) or not isinstance(window, Sequence) or not all(type(rank) is int for rank in window):
        raise WrankError(f"lists.window is {window!r}; wanted [first, last] rank, two whole numbers")
    if size < 2:
        raise WrankError(f"lists.size is {size}; wanted 2 or more: a list of one passage ranks nothing")
    if paraphrases < 1:
        raise WrankError(f"lists.paraphrases is {paraphrases}; wanted 1 or more: only losses that need them read them")
    if judged is not None and judged < 1:
        raise WrankError(f"lists.judged is {judged}; wanted 1 or more, or null for as many as fit")
    if negatives == "dense" and candidates is None:
        raise WrankError(
            "lists.negatives is dense, but no candidates were given: mine them, or set lists.negatives=random"
        )
    if len(window) != 2 or not 1 <= window[0] <= window[1]:
        raise WrankError(f"lists.window is {list(window)}; wanted [first, last] rank with 1 <= first <= last")


def _rows_of(query_ids: Sequence[str], collection: Collection) -> np.ndarray:
    rows = collection.queries.find_many(list(query_ids))
    places = collection.judgements.places_of(rows)
    if len(wrong := np.flatnonzero((places < 0) | (rows < 0))):
        some = [query_ids[place] for place in wrong[:3].tolist()]
        raise WrankError(f"{len(wrong)} queries have no judgement in {collection.name}/{collection.split}, e.g. {some}")
    distinct, counts = np.unique(rows, return_counts=True)
    if len(twice := distinct[counts > 1]):
        some = [collection.queries.id(row) for row in twice[:3].tolist()]
        raise WrankError(f"{len(twice)} query ids were given twice, e.g. {some}")
    return rows
