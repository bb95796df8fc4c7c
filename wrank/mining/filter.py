"""What becomes of a ranking: passages leave it step by step, each for one reason, and what is left is kept.

In this order: (a) excluded passages, known positives and, if so set, all judged ones, and passages with the text of one
of these; (b) passages without text, and all but the first of equal texts; (c) everything, if the query is not
consistent: none of its positives is among the first N. A query whose own source does not come back first was asked
about something else: Promptagator (arXiv 2209.11755), InPars-v2 (arXiv 2301.01820); (d) what does not score a margin
below the best-scored positive, for that is likely a positive no one has judged: NV-Retriever (arXiv 2407.15831), whose
TopK-PercPos is ``relative`` with 0.95; (e) what is outside a window of ranks; (f) all but so many a query.

Everything here is a pure function of arrays. Shapes: K ranks of one query.
"""

from typing import NamedTuple

import numpy as np

from wrank.data.position import generator_at
from wrank.mining.known import Known
from wrank.mining.settings import Choice, FilterSettings, Margin

KEPT = -1
REASONS = (
    "excluded",
    "known_positive",
    "judged",
    "empty",
    "repeated_text",
    "inconsistent_query",
    "margin",
    "outside_window",
    "not_drawn",
)
"""Why a passage left a ranking, in the order of the steps; a passage counts under the first that holds."""
_CODE = {reason: code for code, reason in enumerate(REASONS)}


class Sifted(NamedTuple):
    """What became of a ranking.

    Attributes:
        codes: int8 [K], place in `REASONS` of why each passage left, or `KEPT`.
        consistent: whether the query is kept.
    """

    codes: np.ndarray
    consistent: bool


def sift(
    scores: np.ndarray,
    keys: np.ndarray,
    empty: np.ndarray,
    known: Known,
    settings: FilterSettings,
    *,
    reference: float,
    seed: int,
    query_id: str,
) -> Sifted:
    """Applies all steps to one query's ranking.

    Args:
        scores: [K], best first.
        keys: int64 [K], keys of the passages' texts.
        empty: bool [K], whether a passage has no text.
        known: what is known about the query.
        settings: what is kept.
        reference: score of the best-scored known positive, whether the ranking holds it or not.
        seed: of the random choice.
        query_id: of the random choice, and for messages.

    Raises:
        WrankError: a relative margin of a negative score.
    """
    codes = known_codes(keys, known, skip_judged=settings.skip_judged)
    codes = text_codes(codes, keys, empty)
    if settings.consistency is not None and not first_positive(keys, empty, known) <= settings.consistency:
        return Sifted(np.where(codes == KEPT, _CODE["inconsistent_query"], codes).astype(np.int8), False)
    threshold = Margin.of(settings.margin).threshold(reference, query_id)
    codes[(codes == KEPT) & ~(scores.astype(np.float64) < threshold)] = _CODE["margin"]
    left = np.flatnonzero(codes == KEPT)
    first, last = settings.window
    codes[left[: first - 1]] = codes[left[last:]] = _CODE["outside_window"]
    left = left[first - 1 : last]
    drawn = draw(len(left), settings.per_query, settings.choice, seed, query_id)
    codes[np.delete(left, drawn)] = _CODE["not_drawn"]
    return Sifted(codes, True)


def known_codes(keys: np.ndarray, known: Known, *, skip_judged: bool) -> np.ndarray:
    """Step (a): codes [K] with what is known about the query marked, the rest `KEPT`."""
    codes = np.full(len(keys), KEPT, dtype=np.int8)
    if skip_judged:
        codes[np.isin(keys, known.judged_keys)] = _CODE["judged"]
    codes[np.isin(keys, known.positive_keys)] = _CODE["known_positive"]
    codes[np.isin(keys, known.excluded_keys)] = _CODE["excluded"]
    return codes


def text_codes(codes: np.ndarray, keys: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Step (b): the codes [K] with passages without text, and all but the first of equal texts, marked too."""
    codes = codes.copy()
    codes[(codes == KEPT) & empty] = _CODE["empty"]
    left = np.flatnonzero(codes == KEPT)
    first = np.unique(keys[left], return_index=True)[1]
    codes[np.delete(left, first)] = _CODE["repeated_text"]
    return codes


def first_positive(keys: np.ndarray, empty: np.ndarray, known: Known) -> float:
    """Step (c): the rank (from 1) of the first known positive; infinite when the ranking holds none.

    Ranks are counted over distinct texts; excluded passages and those without text have none.
    """
    keys = keys[~empty & ~np.isin(keys, known.excluded_keys)]
    found = np.flatnonzero(np.isin(keys, known.positive_keys))
    return len(np.unique(keys[: found[0] + 1])) if len(found) else np.inf


def draw(count: int, per_query: int | None, choice: Choice, seed: int, query_id: str) -> np.ndarray:
    """Step (f): which of so many places are kept.

    Args:
        count: places there are.
        per_query: places wanted at most; None = all.
        choice: ``top``: the first ones; ``random``: any.
        seed: of the random choice.
        query_id: likewise; nothing else decides.

    Returns:
        int64, ascending.
    """
    if per_query is None or per_query >= count:
        return np.arange(count)
    if choice == "top":
        return np.arange(per_query)
    return np.sort(generator_at("mine", seed, query_id).permutation(count)[:per_query])
