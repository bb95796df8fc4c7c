"""Training data mixed from several sources, each with its own steps; declared in configuration, applied by id.

Parts are taken in their order. Where one passage comes twice for a query, the last part wins. Texts are never copied:
the parts' tables are read as one. The mixed pairs are kept as arrays, built once for the same sources and steps.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.data.doubts import doubts_of, warn_of_frequencies, warn_of_strangers
from wrank.data.folder import FORMAT
from wrank.data.judgements import Judgements, by_query
from wrank.data.merge import asked_of, before_steps, excluded_of, last_of_each, lookup
from wrank.data.mixed import MixedParts
from wrank.data.objective import Objectives
from wrank.data.part import Part
from wrank.data.schedule import Schedule
from wrank.data.source.base import Source
from wrank.data.source.pairs import PairsSource
from wrank.data.step.applying import apply
from wrank.data.step.base import Pairs, Step, check_steps
from wrank.data.step.false_negative import FalseNegatives
from wrank.data.step.frequency_weight import FrequencyWeight
from wrank.data.step.naming import identity_of
from wrank.data.step.take import Take
from wrank.data.table_base import Table
from wrank.data.union import one_table, rows_in
from wrank.errors import WrankError
from wrank.files import sha256_of_json

__all__ = ["Mix", "Part"]
_log = logging.getLogger(__name__)


class Mix:
    """A mix of sources.

    Args:
        parts: name -> part, in order; the last wins.
        steps: what becomes of the pairs of all parts together, after the last has won.
        teacher: scores of a teacher for the mixed pairs, or None.
        schedule: which parts and queries take part in which epochs; None = all in all.

    Raises:
        WrankError: no part, a part with both or neither of texts and pairs it could use, a random draw among `steps`.
    """

    def __init__(
        self,
        parts: Mapping[str, Part | None],
        steps: Sequence[Step] = (),
        teacher: PairsSource | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        if not isinstance(parts, Mapping) or any(
            part is not None and not isinstance(part, Part) for part in parts.values()
        ):
            raise WrankError(f"data.mix.parts is {parts!r}; wanted name: {{_target_: wrank.data.mix.Part, ...}}")
        check_steps("data.mix.steps", steps)
        for key, value, kind in (("teacher", teacher, PairsSource), ("schedule", schedule, Schedule)):
            if value is not None and not isinstance(value, kind):
                raise WrankError(
                    f"data.mix.{key} is {value!r}; wanted a node with _target_: a {kind.__name__}, or null"
                )
        self.parts = {name: part for name, part in parts.items() if part is not None}  # null takes a part out
        self.steps, self.teacher, self.schedule = list(steps), teacher, schedule
        if not self.parts:
            raise WrankError("data.mix.parts has no part; wanted one or more, each with a source or pairs")
        if len(self.parts) > 255:
            raise WrankError(f"data.mix.parts has {len(self.parts)} parts; wanted at most 255")
        self._check_parts()
        self._check_own_steps()
        if schedule is not None:
            schedule.check(list(self.parts))
        self.random = {name: part.random(f"data.mix.parts.{name}") for name, part in self.parts.items()}

    def _check_parts(self) -> None:
        for name, part in self.parts.items():
            if part.source is not None and part.pairs is not None:
                raise WrankError(f"data.mix.parts.{name} has both source and pairs; wanted one of them")
            if part.pairs is not None and part.split is not None:
                raise WrankError(f"data.mix.parts.{name}.split is {part.split!r}, but pairs have no splits: remove it")
            for number, step in enumerate(part.steps):
                if isinstance(step, FalseNegatives):
                    raise WrankError(
                        f"data.mix.parts.{name}.steps.{number}: FalseNegatives holds negatives against the "
                        f"positives of all parts: put it into data.mix.steps, and give data.mix.teacher"
                    )

    def _check_own_steps(self) -> None:
        if any(isinstance(step, Take) and step.choice == "random" for step in self.steps):
            raise WrankError("data.mix.steps: Take with choice=random belongs to a part: move it to data.mix.parts")
        if any(part.objective for part in self.parts.values()):
            for number, one in enumerate(self.steps):
                if isinstance(one, FrequencyWeight):
                    raise WrankError(
                        f"data.mix.steps.{number}: FrequencyWeight knows queries by their own ids, and a part has an "
                        "objective, under whose name they come again: put it into the steps of each part"
                    )

    def load(self, base: Source, split: str, cache: Path, seed: int = 0) -> Collection:
        """Reads all parts, applies their steps, and merges them.

        Args:
            base: the collection that parts without a source or pairs are; what it excludes holds in any case.
            split: its training split.
            cache: folder of tables and arrays, keyed by content.
            seed: of the random draws.

        Raises:
            WrankError: bad input of any part, or a mix that holds no pair.
        """
        texts = {
            name: (part.source or base).load(part.split or split, cache)
            for name, part in self.parts.items()
            if part.pairs is None
        }
        if not texts and not any(part.judged for part in self.parts.values()):
            raise WrankError(
                "data.mix.parts: every part has pairs alone; wanted one with texts (a source, or the collection), or "
                "one with judged: true, whose pairs are of the collection's texts"
            )
        given = texts or {"": base.unjudged(cache)}
        queries = one_table({name: one.queries for name, one in given.items()}, "query")
        passages = one_table({name: one.passages for name, one in given.items()}, "passage")
        asked = asked_of(given, queries)
        loaded = {name: self._load(name, texts, queries, passages, cache) for name in self.parts}
        doubts = self._warn(loaded, queries)
        kinds = Objectives(queries, self._kinds(loaded), cache)
        facts: dict[str, Any] = {
            "parts": [
                [name, content, identity_of(self.parts[name].steps, pairs, cache)]
                for name, (pairs, content, _) in loaded.items()
            ],
            "steps": identity_of(self.steps),
            "teacher": None if self.teacher is None else self.teacher.content(cache),
            "texts": [queries.key, passages.key],
        }
        if marks := {n: [p.judged, p.objective] for n, p in self.parts.items() if p.judged or p.objective}:
            facts["marks"] = marks
        key = sha256_of_json([FORMAT, "mix", facts])
        merged = Judgements.build(
            cache / "mixes" / key[:32], kinds.queries, passages, lambda: self._merged(loaded, kinds, passages, cache)
        )
        beside = not any(part.source is None and part.pairs is None for part in self.parts.values())
        more = {(query_id, id) for _, query_id, id in base.excluded_rows(split)} if beside else set()
        excluded = kinds.excluded(excluded_of(texts.values(), more, queries, passages))
        if more:  # of a part they are in its own fingerprint
            facts["excluded"] = sorted(more)
        return Collection(
            name=base.name,
            passages=passages,
            queries=kinds.queries,
            qrels=merged,
            asked=None if asked is None else asked[kinds.original(np.arange(len(kinds.queries)))],
            excluded=excluded,
            split=next((one.split for one in texts.values()), split),
            fingerprint=sha256_of_json(facts | {"schedule": self.schedule and self.schedule.identity()}),
            notes=merged.notes,
            mixed=self._kept(loaded, kinds, passages, cache, seed=seed, doubts=doubts),
        )

    def _kept(
        self,
        loaded: Mapping[str, tuple[Pairs, str, bool]],
        kinds: Objectives,
        passages: Table,
        cache: Path,
        **more: Any,
    ) -> MixedParts:
        """What the collection keeps of the mix."""
        names = list(self.parts)
        return MixedParts(
            names=names,
            known=before_steps([one for *one, judged in loaded.values() if judged], kinds, passages, cache),
            seen=before_steps([one for *one, _ in loaded.values()], kinds, passages, cache),
            judged=frozenset(number for number, (_, _, judged) in enumerate(loaded.values()) if judged),
            originals=kinds.original(np.arange(len(kinds.queries))),
            quotas={names.index(name): take for name, take in self.random.items() if take is not None},
            schedule=self.schedule and self.schedule.with_prefixes(kinds.prefixes),
            folders=[Path(pairs.folder) for pairs, _, _ in loaded.values() if pairs.folder is not None],
            **more,
        )

    def _load(
        self, name: str, texts: Mapping[str, Collection], queries: Table, passages: Table, cache: Path
    ) -> tuple[Pairs, str, bool]:
        """A part's pairs before its steps, what names their content, and whether all of them are judged."""
        part, place = self.parts[name], f"data.mix.parts.{name}"
        if part.pairs is not None:
            judged = part.pairs.load(queries, passages, cache)
            pairs = Pairs(queries, passages, judged.pair_query_rows(), judged.passage_rows, judged.grades, place=place)
            return pairs, part.pairs.content(cache), part.judged
        one = texts[name]
        folder = getattr(part.source, "path", None)
        pairs = Pairs(
            queries=queries,
            passages=passages,
            query_rows=rows_in(queries, one.queries, one.judgements.pair_query_rows()),
            passage_rows=rows_in(passages, one.passages, one.judgements.passage_rows),
            grades=one.judgements.grades,
            folder=None if folder is None else str(folder),
            place=place,
        )
        return pairs, one.fingerprint, True

    def _merged(
        self, loaded: Mapping[str, tuple[Pairs, str, bool]], kinds: Objectives, passages: Table, cache: Path
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, int]]:
        done: list[Pairs] = []
        notes: dict[str, int] = {}
        for number, (name, (pairs, _, _)) in enumerate(loaded.items()):
            pairs = dataclasses.replace(
                pairs, weights=np.full(len(pairs), np.nan), parts=np.full(len(pairs), number, dtype=np.uint8)
            )
            pairs, counts = apply(self.parts[name].steps, pairs, name, skip=self.random[name])
            notes |= counts
            rows = kinds.rows(self.parts[name].objective, pairs.query_rows)
            done.append(dataclasses.replace(pairs, queries=kinds.queries, query_rows=rows))
        columns = {
            name: np.concatenate([getattr(one, name) for one in done])
            for name in ("query_rows", "passage_rows", "grades", "weights", "parts")
        }
        kept = last_of_each(columns["query_rows"], columns["passage_rows"])
        replaced = np.delete(columns["parts"], kept)
        for number, name in enumerate(loaded):
            if count := int((replaced == number).sum()):
                if count == len(done[number]):
                    raise WrankError(
                        f"data.mix.parts.{name}: all of its {count} pairs come again in later parts, which win: "
                        f"put the part later, or is it the wrong file?"
                    )
                notes[f"{name}_replaced_by_a_later_part"] = count
        together = by_query(columns["query_rows"][kept])
        kept = kept if together is None else kept[together]
        pairs = Pairs(kinds.queries, passages, **{name: column[kept] for name, column in columns.items()})
        if self.teacher is not None:
            scores = self.teacher.load(kinds.queries, passages, cache)
            own, whole = (
                lookup(scores, rows, pairs.passage_rows)
                for rows in (pairs.query_rows, kinds.original(pairs.query_rows))
            )
            teacher = np.where(np.isnan(own), whole, own)
            pairs = dataclasses.replace(pairs, teacher=teacher)
        pairs, counts = apply(self.steps, pairs, "mix")
        notes |= counts
        if pairs.weights is None or pairs.parts is None:
            raise WrankError("data.mix.steps: a step lost the columns weights and parts")
        extra = {"weight": pairs.weights, "part": pairs.parts}
        if pairs.teacher is not None:
            extra["teacher"] = pairs.teacher
        return pairs.query_rows, pairs.passage_rows, pairs.grades, extra, notes

    def _warn(self, loaded: Mapping[str, tuple[Pairs, str, bool]], queries: Table) -> list[str]:
        """Tells of ids that fit no other's, and of what makes a result say nothing, which it returns."""
        before = {name: pairs for name, (pairs, _, _) in loaded.items()}
        warn_of_strangers(before)
        if self.schedule is not None and (unknown := self.schedule.unknown(queries)):
            _log.warning(
                "%s: %d of its query ids are no query of the mix, e.g. %s: do the ids differ?",
                *(self.schedule.file, len(unknown), unknown[:3]),
            )
        warn_of_frequencies(self.parts, self.steps, queries)
        doubts = doubts_of(self.parts, self.steps, before)
        for doubt in doubts:
            _log.warning("%s", doubt)
        return doubts

    def _kinds(self, loaded: Mapping[str, tuple[Pairs, str, bool]]) -> dict[str, np.ndarray]:
        """Objective -> rows of the queries that have labels of its kind."""
        found: dict[str, np.ndarray] = {}
        for name, (pairs, _, _) in loaded.items():
            if (objective := self.parts[name].objective) is not None:
                found[objective] = np.concatenate([found.get(objective, pairs.query_rows[:0]), pairs.query_rows])
        return found
