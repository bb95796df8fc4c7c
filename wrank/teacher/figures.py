"""What teacher scores look like: their distribution by grade, and whether they order passages as the grades do.

Shapes: P pairs, Q lists.
"""

from typing import Any

import numpy as np


def spread(values: np.ndarray) -> dict[str, float]:
    """Mean and the points below which 10, 50 and 90 percent of the values lie; empty without a value."""
    values = values[~np.isnan(values)]
    if not len(values):
        return {}
    low, middle, high = np.percentile(values, [10, 50, 90])
    return {"mean": float(values.mean()), "p10": float(low), "p50": float(middle), "p90": float(high)}


def by_grade(grades_P: np.ndarray, scores_P: np.ndarray) -> list[dict[str, Any]]:
    """The spread of the scores at every grade, highest first; the unjudged pairs (grade None) last."""
    rows: list[dict[str, Any]] = []
    for grade in sorted(set(grades_P[~np.isnan(grades_P)].tolist()), reverse=True):
        chosen = scores_P[grades_P == grade]
        rows.append({"grade": grade, "pairs": len(chosen), **spread(chosen)})
    if len(unjudged := scores_P[np.isnan(grades_P)]):
        rows.append({"grade": None, "pairs": len(unjudged), **spread(unjudged)})
    return rows


def agreement(offsets: np.ndarray, grades_P: np.ndarray, scores_P: np.ndarray) -> dict[str, float | int | None]:
    """Share of the pairs of unequal grade, within one list, that the scores order as the grades do.

    Equal scores count half. By chance: 0.5.

    Args:
        offsets: int64 [Q + 1].
        grades_P: NaN where nothing was judged.
        scores_P: NaN where there is no score.

    Returns:
        ``share`` (0 to 1; None where there is no such pair) and ``pairs``.
    """
    right, count = 0.0, 0
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        grades, scores = grades_P[start:stop], scores_P[start:stop]
        judged = ~np.isnan(grades) & ~np.isnan(scores)
        grades, scores = grades[judged], scores[judged]
        better = grades[:, None] > grades[None, :]
        if not better.any():
            continue
        right += float((np.sign(scores[:, None] - scores[None, :])[better] + 1).sum()) / 2
        count += int(better.sum())
    return {"share": right / count if count else None, "pairs": count}
