"""Made-up graded data: clean, and with faults planted in it."""

import random

import pytest

from wrank.audit.data import AuditInput, Row

VOCABULARY = [
    a + b + c for a in ("ba", "de", "ki", "lo", "mu", "sa") for b in ("ra", "ne", "vi", "po") for c in "tnlsrm"
]


class Maker:
    """Passages of random words: the level shows in nothing but what is planted."""

    def __init__(self, queries=60, levels=4, seed=0, words=(40, 60)):
        self.random = random.Random(seed)
        self.words = words
        self.queries = {f"q{n:03d}": self.text(6, "query") for n in range(queries)}
        self.rows = [
            Row(id, f"{id}-L{level}", self.text(self.random.randint(*words)), float(level))
            for id in self.queries
            for level in reversed(range(levels))
        ]

    def text(self, words, prefix=""):
        return " ".join(f"{prefix}{self.random.choice(VOCABULARY)}" for _ in range(words)).capitalize() + "."

    def change(self, change, when=lambda row: True):
        self.rows = [row._replace(text=change(row)) if when(row) else row for row in self.rows]
        return self

    def input(self, **more):
        return AuditInput("made-up", self.queries, self.rows, **more)


@pytest.fixture(scope="session")
def make():
    return Maker
