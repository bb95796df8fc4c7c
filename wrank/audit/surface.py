"""Whether adjacent levels can be told apart by the surface: then a retriever can learn that instead of relevance.

After Gururangan et al., "Annotation Artifacts in Natural Language Inference Data" (2018): a classifier that does not
see the query should do no better than chance. Here it sees, of each passage, its length alone; its length beside that
of the query's other passages; its style; its words without the query's own. Lengths are compared as they are: their AUC
is above 0.5 where the higher level is longer, and as far below where it is shorter. Style and words are classified by a
logistic regression: below 0.5 is chance. Beside them stands the overlap with the query, which is what relevance is made
of, and no leak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wrank.audit.data import Graded
from wrank.audit.interval import as_json
from wrank.audit.separation import FEWEST, Features, Separation, separation
from wrank.audit.settings import AuditSettings
from wrank.audit.style import style
from wrank.audit.words import overlap, own_words, weighted
from wrank.generator.text import Text

FAMILIES = {
    "length": "length alone",
    "list_length": "length within its list",
    "style": "style",
    "words": "words, not the query's",
}
"""What must not tell levels apart, and how it is called."""

OVERLAP = "overlap"
"""Share of the query's words: may tell levels apart."""


@dataclass(frozen=True)
class Surface:
    """Features of the sampled rows, made once for all pairs of levels.

    Attributes:
        rows: places of the sampled rows in the data.
        own: their tokens without the query's, joined by spaces.
        weighted: TF-IDF of those.
        style_names: names of style features.
        style: style features.
        length: log of words.
        overlap: share of the query's words.
    """

    rows: NDArray[np.int64]
    own: list[str]
    weighted: Features
    style_names: list[str]
    style: NDArray[np.float64]
    length: NDArray[np.float64]
    overlap: NDArray[np.float64]


def read_surface(data: Graded) -> Surface:
    """Reads the features of the sampled rows."""
    rows = data.sampled_rows
    texts = [data.rows[row].text for row in rows]
    queries = [data.query(int(row)) for row in rows]
    own = [" ".join(own_words(query, text)) for query, text in zip(queries, texts, strict=True)]
    names, table = style(texts)
    words = np.log([max(Text(text).words, 1.0) for text in texts])
    shared = np.array([overlap(query, text) for query, text in zip(queries, texts, strict=True)])
    return Surface(rows, own, weighted(own), names, table, words, shared)


def leaks(data: Graded, surface: Surface, settings: AuditSettings) -> tuple[list[dict[str, Any]], list[NDArray[Any]]]:
    """For each pair of adjacent levels how well each family of features tells them apart.

    Args:
        data: what is audited.
        surface: its features.
        settings: folds' seed and intervals.

    Returns:
        JSON values a pair, lower pair first; and for each pair the words' scores of its rows (NaN elsewhere), or of
        nothing where there were too few queries.
    """
    found, scores = [], []
    level_of = data.level_of[surface.rows]
    ids = np.array([data.rows[row].query_id for row in surface.rows], dtype=object)
    for low in range(len(data.levels) - 1):
        chosen = np.flatnonzero((level_of == low) | (level_of == low + 1))
        higher, queries = level_of[chosen] == low + 1, [str(id) for id in ids[chosen]]
        pair: dict[str, Any] = {"low": data.levels[low], "high": data.levels[low + 1], "families": {}}
        of_words = np.full(len(level_of), np.nan)
        for family in (*FAMILIES, OVERLAP):
            features, make = _features(surface, family, chosen, queries)
            told = separation(features, higher, queries, make, settings)
            pair["families"][family] = told and _as_json(told)
            if told and family == "words":
                of_words[chosen] = told.scores
        pair["too_few"] = pair["families"]["length"] is None
        pair["high_words"] = float(np.exp(np.mean(surface.length[chosen][higher]))) if higher.any() else None
        pair["low_words"] = float(np.exp(np.mean(surface.length[chosen][~higher]))) if not higher.all() else None
        found.append(pair)
        scores.append(of_words)
    return found, scores


def describe() -> dict[str, str]:
    """What each figure means, for the page."""
    return {
        **FAMILIES,
        OVERLAP: "overlap with the query",
        "fewest": f"at least {FEWEST} queries a level",
    }


def _features(
    surface: Surface, family: str, chosen: NDArray[np.int64], queries: list[str]
) -> tuple[Features, Callable[[], Any] | None]:
    if family == "words":
        return surface.weighted[chosen], _sparse
    if family == "style":
        return surface.style[chosen], _dense
    if family == OVERLAP:
        return surface.overlap[chosen, None], None
    words = surface.length[chosen]
    if family == "length":
        return words[:, None], None
    _, group = np.unique(queries, return_inverse=True)
    mean = np.bincount(group, weights=words) / np.bincount(group)
    return (words - mean[group])[:, None], None


def _dense() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))


def _sparse() -> Any:
    return LogisticRegression(C=2.0, class_weight="balanced", solver="liblinear", random_state=0)


def _as_json(told: Separation) -> dict[str, Any]:
    return {"auc": as_json(told.auc), "within": as_json(told.within)}
