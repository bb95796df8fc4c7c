"""Ranks where grades or scores are wanted: the best passage would count as the worst, and nothing would fail.

MS MARCO's BM25 files have the rank under ``score``; a higher grade or score means a better passage everywhere here.
"""

import logging

import numpy as np

from wrank.data.judgements import Judgements

_QUERIES = 1 << 16  # looked at, the first of the file
_LEAST = 3  # pairs of a query that tell: two grades are often 1 and 2
_SHARE = 0.95  # of these queries

_log = logging.getLogger(__name__)
_warned: set[str] = set()


def look_like_ranks(judgements: Judgements) -> bool:
    """Whether nearly every query with three pairs or more has 1, 2, 3, ... or 0, 1, 2, ... in the order given."""
    offsets = judgements.offsets[: _QUERIES + 1]
    sizes = np.diff(offsets)
    told = sizes >= _LEAST
    if not told.any():
        return False
    grades = judgements.grades[: offsets[-1]]
    rising = np.concatenate([[0], np.cumsum(np.diff(grades) == 1)])
    first, last = offsets[:-1][told], offsets[1:][told] - 1
    ranked = np.isin(grades[first], (0.0, 1.0)) & (rising[last] - rising[first] == sizes[told] - 1)
    return bool(ranked.mean() >= _SHARE)


def warn_of_ranks(place: str, judgements: Judgements) -> None:
    """Warns, once a file, where `look_like_ranks`.

    Args:
        place: the file.
        judgements: what it holds.
    """
    if place not in _warned and look_like_ranks(judgements):
        _warned.add(place)
        _log.warning(
            "%s: the grades or scores of each query rise by one, in the file's order: they look like ranks (the first "
            "is the best), but a higher one means a better passage: negate them, or name the right column score; if "
            "they are grades, all is well",
            place,
        )
