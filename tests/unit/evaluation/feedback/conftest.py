"""A corpus of five passages in the plane, small enough to compute by hand."""

import numpy as np
import pytest

from wrank.evaluation.feedback.base import Case
from wrank.evaluation.ranking import Rankings


class Plane:
    """Vectors by row; remembers what was asked for."""

    def __init__(self, vectors):
        self.vectors = np.array(vectors, dtype=np.float32)
        self.asked = []

    def rows(self, rows):
        self.asked.append(rows.tolist())
        return self.vectors[rows]


@pytest.fixture
def plane():
    return Plane


@pytest.fixture
def case():
    """Query along x; candidates along x, along y, between both, and nowhere; relevant: y twice as long; other: x."""
    return Case(
        np.array([1, 0], np.float32),
        ["x", "y", "xy", "zero"],
        np.array([[1, 0], [0, 1], [3, 4], [0, 0]], np.float32),
        np.array([[0, 2], [0, 1]], np.float32),
        np.array([[5, 0]], np.float32),
    )


@pytest.fixture
def ranked():
    """Rankings from ids, best first; scores fall by 1 from 9."""

    def make(passage_ids, **lists):
        width = max((len(ids) for ids in lists.values()), default=0)
        rows = np.full((len(lists), width), -1, dtype=np.int64)
        scores = np.full((len(lists), width), -np.inf, dtype=np.float32)
        for place, ids in enumerate(lists.values()):
            rows[place, : len(ids)] = [passage_ids.index(id) for id in ids]
            scores[place, : len(ids)] = np.arange(9, 9 - len(ids), -1)
        return Rankings(list(lists), passage_ids, rows, scores)

    return make
