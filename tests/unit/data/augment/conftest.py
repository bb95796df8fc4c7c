"""Lists to augment, and draws that are known beforehand."""

import numpy as np
import pytest

from wrank.records import RankedList


@pytest.fixture
def make_list():
    """Makes a list of (text, grade) pairs with ids p0, p1, ..."""

    def make(*passages, query="what is it", query_id="q", ids=None):
        return RankedList(
            query_id=query_id,
            query=query,
            passage_ids=list(ids or [f"p{n}" for n in range(len(passages))]),
            passages=[text for text, _ in passages],
            grades=[float(grade) for _, grade in passages],
            sources=["judged"] * len(passages),
            weight=0.5,
            teacher=[float(n) for n in range(len(passages))],
            pairs=[(0, len(passages) - 1, 0.9)],
            paraphrases=["what that is"],
        )

    return make


class Scripted:
    """A generator whose draws are written down: `uniform` for random and uniform, `whole` for integers."""

    def __init__(self, uniform=(), whole=()):
        self.uniforms, self.wholes, self.limits = list(uniform), list(whole), []

    def random(self, size=None):
        if size is None:
            return self.uniforms.pop(0)
        return np.array([self.uniforms.pop(0) for _ in range(size)])

    def uniform(self, low, high):
        return low + (high - low) * self.uniforms.pop(0)

    def integers(self, low, high=None):
        self.limits.append((0, low) if high is None else (low, high))
        return self.wholes.pop(0)

    def permutation(self, size):
        return np.arange(size)[::-1]


@pytest.fixture
def script(monkeypatch):
    """Every text of the list then meets the same written draws; gives the generators that were made."""

    def write(uniform=(), whole=()):
        made = []

        def generator_at(*position):
            made.append(Scripted(uniform, whole))
            return made[-1]

        monkeypatch.setattr("wrank.data.augment.base.generator_at", generator_at)
        return made

    return write
