"""Counts and balance: passages a level, levels a query, lengths."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from wrank.audit.data import Graded
from wrank.generator.text import Text

STRIP = 120
"""Values a level that are kept to be drawn."""


def counts(data: Graded, words: Sequence[float]) -> dict[str, Any]:
    """Passages, queries and their levels.

    Args:
        data: what is audited.
        words: words of each passage, in the order of `data.passages`.

    Returns:
        JSON values. `incomplete` queries lack at least one level; `without_positive` ones have no grade above 0.
    """
    has = {id: Counter(int(data.level_of[row]) for row in rows) for id, rows in data.of_query.items()}
    incomplete = [id for id, levels in has.items() if len(levels) < len(data.levels)]
    bare = [id for id, levels in has.items() if data.levels[max(levels)] <= 0]
    all_words = np.asarray(words, dtype=float)[data.passage_of]
    return {
        "queries": len(has),
        "judgements": len(data.rows),
        "passages": len(data.passages),
        "levels": [
            {
                "grade": data.levels[level],
                "judgements": int((data.level_of == level).sum()),
                "queries": sum(level in levels for levels in has.values()),
                "words": spread(all_words[data.level_of == level]),
            }
            for level in range(len(data.levels))
        ],
        "levels_a_query": {str(count): n for count, n in sorted(Counter(map(len, has.values())).items())},
        "incomplete": len(incomplete),
        "incomplete_share": len(incomplete) / len(has),
        "incomplete_examples": incomplete[:5],
        "without_positive": len(bare),
        "without_positive_examples": bare[:5],
        "empty_passages": int((np.asarray(words) == 0).sum()),
        "attributes": _attributes(data),
    }


def spread(values: np.ndarray) -> dict[str, Any]:
    """Mean, quantiles, and some values in their order (evenly spaced quantiles), to be drawn."""
    if not len(values):
        return {"n": 0, "mean": None, "quantiles": None, "strip": []}
    shown = np.quantile(values, np.linspace(0, 1, min(STRIP, len(values))), method="nearest")
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "quantiles": {
            name: float(np.quantile(values, share))
            for name, share in (("p5", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95))
        },
        "strip": [float(value) for value in shown],
    }


def count_words(texts: Sequence[str]) -> list[float]:
    """Words of each text (two characters of a script without spaces count as one)."""
    return [Text(text).words for text in texts]


def _attributes(data: Graded) -> list[dict[str, Any]]:
    """Numbers that were asked for, by level: when their means differ, the recipe itself gives the level away."""
    values: dict[str, list[list[float]]] = {}
    for number, row in enumerate(data.rows):
        for key, value in (row.attributes or {}).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                values.setdefault(str(key), [[] for _ in data.levels])[int(data.level_of[number])].append(float(value))
    return [
        {"name": key, "mean": [float(np.mean(level)) if level else None for level in levels]}
        for key, levels in sorted(values.items())
    ]
