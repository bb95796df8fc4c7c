"""A teacher at work on all lists: marks in durable chunks, then scores and preferences, and what became of both.

Shapes: P pairs, Q lists, M compared pairs of passages.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrank.teacher.base import Pairwise, Pointwise, Progress, Teacher
from wrank.teacher.chunks import Marks, mark_all
from wrank.teacher.figures import agreement, by_grade, spread
from wrank.teacher.pairs import PairList
from wrank.teacher.pairwise import Preferences, mean_preference

CHUNKS = ".chunks"
"""Folder of the chunks, inside the stage's."""


@dataclass(frozen=True)
class Scored:
    """What a teacher made of the pairs.

    Attributes:
        scores_P: float64; NaN in lists that are left out.
        first_M: places among the pairs; empty without preferences.
        second_M: likewise.
        p_M: float64, probability that the first is the better one.
        marks: what the teacher said of each pair, or of each comparison.
        asked: what a mark is of: ``pairs`` or ``comparisons``.
    """

    scores_P: np.ndarray
    first_M: np.ndarray
    second_M: np.ndarray
    p_M: np.ndarray
    marks: Marks
    asked: str


def comparisons(pairs: PairList, preferences: Preferences, order_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places [M] and [M] of the passages that are compared, list by list.

    Args:
        pairs: P pairs.
        preferences: which are chosen.
        order_P: scores or grades; lists whose first entry is NaN are compared all the same.
    """
    first, second = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for place in range(pairs.lists):
        start, stop = int(pairs.offsets[place]), int(pairs.offsets[place + 1])
        one, other = preferences.choose(pairs.query_id(place), order_P[start:stop])
        first.append(one + start)
        second.append(other + start)
    return np.concatenate(first), np.concatenate(second)


def run(
    teacher: Teacher, pairs: PairList, preferences: Preferences, folder: Path, chunk: int, progress: Progress
) -> Scored:
    """Scores all pairs; goes on where an earlier run was stopped.

    Args:
        teacher: who is asked; started by the first chunk that is missing.
        pairs: P pairs.
        preferences: which pairs of passages are compared.
        folder: the stage's.
        chunk: marks a chunk.
        progress: told of every mark.

    Raises:
        WrankError: the teacher died, or none of its first answers can be used.
    """
    if isinstance(teacher, Pairwise):
        return _by_comparisons(teacher, pairs, preferences, folder / CHUNKS, chunk, progress)
    assert isinstance(teacher, Pointwise)
    marks = mark_all(
        folder / CHUNKS,
        len(pairs),
        chunk,
        lambda start, stop, tell: teacher.marks(pairs.texts(np.arange(start, stop)), tell),
        progress,
    )
    scores_P = _without_broken_lists(pairs, marks.value, np.isnan(marks.value))
    first_M, second_M = comparisons(pairs, preferences, scores_P)
    kept = ~np.isnan(scores_P[first_M])
    first_M, second_M = first_M[kept], second_M[kept]
    p_M = preferences.of_scores(scores_P[first_M], scores_P[second_M])
    return Scored(scores_P, first_M, second_M, p_M, marks, "pairs")


def comparison_count(pairs: PairList, preferences: Preferences) -> int:
    """M, for a teacher that is asked about pairs of passages."""
    return len(comparisons(pairs, preferences, pairs.grades)[0])


def _by_comparisons(
    teacher: Pairwise, pairs: PairList, preferences: Preferences, folder: Path, chunk: int, progress: Progress
) -> Scored:
    first_M, second_M = comparisons(pairs, preferences, pairs.grades)

    def some(start: int, stop: int, tell: Progress) -> Any:
        one, other = pairs.texts(first_M[start:stop]), pairs.texts(second_M[start:stop])
        triples = [(query, a, b) for (query, a), (_, b) in zip(one, other, strict=True)]
        return teacher.compare(triples, tell)

    marks = mark_all(folder, len(first_M), chunk, some, progress)
    broken_P = np.zeros(len(pairs), dtype=bool)
    broken_P[first_M[np.isnan(marks.value)]] = True
    means_P = mean_preference(first_M, second_M, np.nan_to_num(marks.value, nan=0.5), len(pairs))
    scores_P = _without_broken_lists(pairs, means_P, broken_P)
    kept = ~np.isnan(scores_P[first_M])
    return Scored(scores_P, first_M[kept], second_M[kept], marks.value[kept], marks, "comparisons")


def _without_broken_lists(pairs: PairList, values_P: np.ndarray, broken_P: np.ndarray) -> np.ndarray:
    """The values, NaN in every list that holds something broken: a list with gaps would teach a wrong order."""
    lists_P = np.repeat(np.arange(pairs.lists), np.diff(pairs.offsets))
    broken_Q = np.bincount(lists_P, broken_P, pairs.lists) > 0
    return np.where(broken_Q[lists_P], np.nan, values_P)


def counts(pairs: PairList, scored: Scored) -> dict[str, int]:
    """Numbers for the manifest: ``pairs`` and ``queries`` written, and what was not."""
    written_P, marks = ~np.isnan(scored.scores_P), scored.marks
    starts = pairs.offsets[:-1]
    queries = int(written_P[starts].sum())
    return {
        "pairs": int(written_P.sum()),
        "queries": queries,
        "preferences": len(scored.p_M),
        "unjudged_pairs": int(np.isnan(pairs.grades[written_P]).sum()),
        "failed": int(np.isnan(marks.value).sum()),
        "queries_left_out": pairs.lists - queries,
        "pairs_left_out": int((~written_P).sum()),
        "truncated": int(marks.truncated.sum()),
        "repeated": pairs.repeated,
        "found": marks.found,
    }


def summary(pairs: PairList, scored: Scored) -> dict[str, Any]:
    """Everything a manifest says about the scores: counts, spread by grade, agreement, mass, failures."""
    written_P, marks = ~np.isnan(scored.scores_P), scored.marks
    bias = spread(marks.first)
    return {
        "asked": {"what": scored.asked, "marks": len(marks.value)},
        "counts": counts(pairs, scored),
        "by_grade": by_grade(pairs.grades[written_P], scored.scores_P[written_P]),
        "agreement": agreement(pairs.offsets, pairs.grades, scored.scores_P),
        "mass": spread(marks.mass),
        "first_shown": bias.get("mean"),
        "failures": {"reasons": dict(marks.reasons), "examples": marks.examples},
    }
