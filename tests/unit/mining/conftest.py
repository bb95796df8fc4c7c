"""Small collections on disk, and the tools of a miner, as the stage hands them out."""

from contextlib import contextmanager

import numpy as np
import pytest

from wrank.data.collection import Collection
from wrank.data.judgements import Judgements
from wrank.data.table import TextTable
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.vectors import InMemory
from wrank.mining.base import Tools


class Bars:
    """A progress bar's stand-in: label -> units done."""

    def __init__(self):
        self.done = {}

    @contextmanager
    def __call__(self, label, total, unit):
        def advance(count):
            self.done[label] = self.done.get(label, 0) + count

        yield advance


@pytest.fixture
def make_collection(tmp_path):
    def make(passages, queries, qrels, excluded=None, name="small"):
        tables = [
            TextTable.build(texts.items(), tmp_path / name / word) for word, texts in (("p", passages), ("q", queries))
        ]
        judged = Judgements.of_mapping(tables[1], tables[0], qrels)
        return Collection(name, *tables, judged, excluded or {}, "train", fingerprint=name)

    return make


@pytest.fixture
def make_tools(tmp_path):
    def make(encoder=None, vectors=None, **settings):
        def unwanted():
            raise AssertionError("this miner needs no encoder")

        return Tools(
            folder=tmp_path / "indexes",
            encoder=(lambda: encoder) if encoder else unwanted,
            vectors=(lambda: InMemory(np.asarray(vectors, dtype=np.float32))) if vectors is not None else unwanted,
            settings=EvaluationSettings(**settings),
            device="cpu",
            progress=Bars(),
        )

    return make
