"""What is odd about a mix: ids that fit nothing, made-up frequencies, one kind of label twice."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from wrank.data.frequencies import ZIPF
from wrank.data.part import Part
from wrank.data.step.base import Pairs, Step
from wrank.data.step.frequency_weight import FrequencyWeight
from wrank.data.step.naming import identity_of
from wrank.data.table_base import Table
from wrank.errors import WrankError

_log = logging.getLogger(__name__)


def warn_of_strangers(loaded: Mapping[str, Pairs]) -> None:
    """Tells of a part that has no query in common with any other: often two ids for one query."""
    found = {name: np.unique(pairs.query_rows) for name, pairs in loaded.items()}
    for name, rows in found.items():
        others = [other for one, other in found.items() if one != name]
        if others and not np.isin(rows, np.concatenate(others)).any():
            _log.warning(
                "data.mix.parts.%s has no query in common with the other parts: is that meant, or do its ids differ?",
                name,
            )


def warn_of_frequencies(parts: Mapping[str, Part], steps: Sequence[Step], queries: Table) -> None:
    """Tells of the ids of a file of frequencies that are no query's.

    Args:
        parts: of the mix.
        steps: of the mix.
        queries: all queries, under their own ids.

    Raises:
        WrankError: none of a file's ids is a query's: every query would count as never asked.
    """
    told = set()
    for place, step in _weighing(parts, steps):
        frequencies = step.frequencies
        if frequencies.path in told or not (unknown := frequencies.unknown(queries)):
            continue
        told.add(frequencies.path)
        where = f"{place}.frequencies={frequencies.path}"
        if len(unknown) == len(frequencies):
            raise WrankError(
                f"{where}: none of its {len(unknown)} query ids, e.g. {unknown[0]!r}, is a query of the mix, so no "
                "query would have a frequency: wanted the queries' own ids, without a prefix"
            )
        _log.warning(
            "%s: %d of its %d query ids are no query of the mix, e.g. %s: do the ids differ?",
            *(where, len(unknown), len(frequencies), unknown[:3]),
        )


def doubts_of(parts: Mapping[str, Part], steps: Sequence[Step], loaded: Mapping[str, Pairs]) -> list[str]:
    """Sentences on what makes the result of a training with a mix say nothing, e.g. in a dry run.

    Args:
        parts: of the mix.
        steps: of the mix.
        loaded: each part's pairs before its steps.
    """
    made_up = [place for place, step in _weighing(parts, steps) if step.frequencies.word == ZIPF]
    doubts = []
    if made_up:
        doubts.append(
            f"{made_up[0]}.frequencies={ZIPF}: how often queries were asked is MADE UP, from their ids: good for a dry "
            "run alone; name a file with query-id<TAB>count a line"
        )
    for one, other in itertools.combinations(parts, 2):
        if parts[one].objective != parts[other].objective and _same(parts, loaded, one, other):
            doubts.append(
                f"data.mix.parts.{one} and data.mix.parts.{other} are two objectives with EQUAL judgements: both "
                f"losses say the same; name the labels of each, e.g. data.mix.parts.{other}.pairs.path=FILE"
            )
    return doubts


def _weighing(parts: Mapping[str, Part], steps: Sequence[Step]) -> Iterator[tuple[str, FrequencyWeight]]:
    """The steps that read frequencies, with their keys."""
    lists = {f"data.mix.parts.{name}": part.steps for name, part in parts.items()} | {"data.mix": steps}
    for place, some in lists.items():
        for number, step in enumerate(some):
            if isinstance(step, FrequencyWeight):
                yield f"{place}.steps.{number}", step


def _same(parts: Mapping[str, Part], loaded: Mapping[str, Pairs], one: str, other: str) -> bool:
    """Whether two parts have the same pairs and do the same with them, but for the weights by frequency."""
    changes = [
        identity_of([step for step in parts[name].steps if not isinstance(step, FrequencyWeight)])
        for name in (one, other)
    ]
    first, second = (loaded[name] for name in (one, other))
    if changes[0] != changes[1] or len(first) != len(second):
        return False
    orders = [np.lexsort((pairs.passage_rows, pairs.query_rows)) for pairs in (first, second)]
    columns = ("query_rows", "passage_rows", "grades")
    return all(np.array_equal(getattr(first, c)[orders[0]], getattr(second, c)[orders[1]]) for c in columns)
