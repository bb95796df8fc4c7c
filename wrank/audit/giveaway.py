"""The words, and the habits of style, that give a level away, with passages that show them.

Pezeshkpour, Jain, Singh and Wallace, "Combining Feature and Instance Attribution to Detect Artifacts" (Findings of ACL
2022): features of high weight say what a classifier leans on; the training instances that made it so say whether that
is an artefact. Feature side: the weights of a linear classifier, kept only where the feature differs between the levels
of one query beyond chance. Instance side: for the passage that shows a feature best, the nearest passages of other
queries (cosine of TF-IDF) that carry the same feature at the same level.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression

from wrank.audit.data import Graded
from wrank.audit.duplicates import passage_record
from wrank.audit.separation import FEWEST, Features
from wrank.audit.surface import Surface
from wrank.audit.words import present

SHOWN = 12
"""Words a pair of levels, at most."""

_ALPHA = 0.01  # chance that any word at all is shown where the levels do not differ (Bonferroni)
_FEWEST_SHOWING = 6  # queries in which a word's presence differs between the levels
_SPECIAL = {"^": "at the beginning"}


def giveaways(data: Graded, surface: Surface, scores: list[NDArray[np.float64]], examples: int) -> list[dict[str, Any]]:
    """For each pair of adjacent levels the words and habits of style that differ beyond chance.

    Args:
        data: what is audited.
        surface: its features.
        scores: for each pair the words' scores of the rows; choose the passages shown.
        examples: words a pair that are shown with passages.

    Returns:
        JSON values a pair: `words` (name, weight, share of passages that hold it at the lower and the higher level, in
        how many queries it differs, p) and `style` (name, mean at each level, p).
    """
    names, held = present(surface.own, least=3)
    level_of = data.level_of[surface.rows]
    of_query = np.array([data.rows[row].query_id for row in surface.rows], dtype=object)
    found = []
    for low in range(len(data.levels) - 1):
        contrast, chosen = _contrast(level_of, of_query, low)
        pair: dict[str, Any] = {"low": data.levels[low], "high": data.levels[low + 1], "words": [], "style": []}
        if contrast.shape[0] >= FEWEST:
            higher = level_of[chosen] == low + 1
            pair["style"] = _style(surface, contrast, chosen, higher)
            if names:
                words = _words(names, held, contrast, chosen, higher)
                for word in words[:examples]:
                    column = np.asarray(held[:, [word["place"]]].todense()).ravel() > 0
                    side = low + 1 if word["weight"] > 0 else low
                    word["examples"] = _instances(data, surface, scores[low], column & (level_of == side), side > low)
                pair["words"] = [{key: word[key] for key in word if key != "place"} for word in words]
        found.append(pair)
    return found


def _contrast(level_of: NDArray[np.int64], of_query: NDArray[Any], low: int) -> tuple[csr_array, NDArray[np.int64]]:
    """A matrix [queries, rows] that takes, for each query with both levels, the mean of the higher less the lower."""
    chosen = np.flatnonzero((level_of == low) | (level_of == low + 1))
    ids, group = np.unique(of_query[chosen].astype(str), return_inverse=True)
    higher = level_of[chosen] == low + 1
    many = np.stack([np.bincount(group[~higher], minlength=len(ids)), np.bincount(group[higher], minlength=len(ids))])
    values = np.where(higher, 1.0, -1.0) / many[higher.astype(int), group]
    matrix = csr_array((values, (group, chosen)), shape=(len(ids), len(level_of)))
    return matrix[np.flatnonzero(many.all(axis=0))], chosen


def _words(
    names: list[str], held: csr_array, contrast: csr_array, chosen: NDArray[np.int64], higher: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    difference = csr_array(contrast @ held)
    p, showing = _test(difference)
    tested = showing >= _FEWEST_SHOWING
    kept = np.flatnonzero(tested & (p * max(int(tested.sum()), 1) < _ALPHA))
    if not len(kept):
        return []
    weights = _weights(held[chosen], higher)
    up, down = held[chosen][higher][:, kept].mean(axis=0), held[chosen][~higher][:, kept].mean(axis=0)
    sign = np.where(up > down, 1.0, -1.0)
    order = np.argsort(-np.abs(weights[kept]), kind="stable")
    words: list[dict[str, Any]] = []
    for number in order.tolist():
        name = names[kept[number]]
        if any(name != word["name"] and _inside(name, word) and word["p"] <= p[kept[number]] for word in words):
            continue
        words.append(
            {
                "name": name,
                "weight": float(sign[number] * abs(weights[kept[number]])),
                "low_share": float(down[number]),
                "high_share": float(up[number]),
                "queries": int(showing[kept[number]]),
                "p": float(p[kept[number]]),
                "place": int(kept[number]),
            }
        )
    return words[:SHOWN]


def _inside(name: str, word: dict[str, Any]) -> bool:
    """Whether two names tell the same, one holding the other's words."""
    a, b = set(name.split()) - set(_SPECIAL), set(word["name"].split()) - set(_SPECIAL)
    return a <= b or b <= a


def _weights(held: csr_array, higher: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of a linear classifier on rows of equal length."""
    norms = np.sqrt(np.maximum(np.asarray(held.sum(axis=1)).ravel(), 1))
    model = LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear", random_state=0)
    return np.asarray(model.fit(diags_array(1 / norms) @ held, higher).coef_[0])


def _test(difference: Features) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Two-sided paired t-test of each column's mean against 0, and in how many rows it is not 0."""
    count = difference.shape[0]
    total = np.asarray(difference.sum(axis=0)).ravel()
    squares = np.asarray((difference * difference).sum(axis=0)).ravel()
    showing = np.asarray((abs(difference) > 1e-12).sum(axis=0)).ravel()
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 1e-12) / max(count - 1, 1))
    return 2 * student.sf(np.abs(mean) / spread, max(count - 1, 1)), showing


def _style(
    surface: Surface, contrast: csr_array, chosen: NDArray[np.int64], higher: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    p, showing = _test(np.asarray(contrast @ surface.style))
    kept = np.flatnonzero((showing >= _FEWEST_SHOWING) & (p * len(p) < _ALPHA))
    table = surface.style[chosen]
    return [
        {
            "name": surface.style_names[place],
            "low_mean": float(table[~higher, place].mean()),
            "high_mean": float(table[higher, place].mean()),
            "p": float(p[place]),
        }
        for place in kept[np.argsort(p[kept], kind="stable")].tolist()
        if not surface.style_names[place].startswith(("words (log, squared)", "first word: "))  # told as words
    ]


def _instances(
    data: Graded, surface: Surface, scores: NDArray[np.float64], rows: NDArray[np.bool_], high: bool, count: int = 3
) -> list[dict[str, Any]]:
    """The passage that shows a word best (by the classifier), and its nearest of other queries that hold it too."""
    places = np.flatnonzero(rows)
    if not len(places):
        return []
    score = np.nan_to_num(scores[places], nan=0.0) * (1 if high else -1)
    best = int(places[int(np.argmax(score))])
    near = np.asarray((surface.weighted[places] @ surface.weighted[[best]].T).todense()).ravel()
    shown, queries = [best], {data.rows[surface.rows[best]].query_id}
    for place in places[np.argsort(-near, kind="stable")].tolist():
        query_id = data.rows[surface.rows[place]].query_id
        if len(shown) < count and query_id not in queries:
            shown.append(place)
            queries.add(query_id)
    return [passage_record(data, int(surface.rows[place])) for place in shown]
