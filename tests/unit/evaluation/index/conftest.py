"""Vectors in clusters, as texts' vectors are, and rankings of them."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from wrank.evaluation.index.base import index_rankings
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import NOTHING_LEFT_OUT, search
from wrank.evaluation.vectors import InMemory

CONF = Path(__file__).resolve().parents[4] / "conf" / "evaluation" / "index"


class World:
    """N passages and Q queries with ids, and both ways to rank them."""

    def __init__(self, queries_QD, passages_ND, passage_ids=None):
        self.queries_QD = np.asarray(queries_QD, dtype=np.float32)
        self.passages_ND = np.asarray(passages_ND, dtype=np.float32)
        self.query_ids = [f"q{place}" for place in range(len(self.queries_QD))]
        self.passage_ids = passage_ids or [f"p{place}" for place in range(len(self.passages_ND))]
        self.vectors = InMemory(self.passages_ND)
        self.ties = Ties.of(self.passage_ids)

    def exact(self, k, left_out=NOTHING_LEFT_OUT):
        return search(self.queries_QD, self.vectors, self.query_ids, self.passage_ids, k=k, left_out=left_out)

    def found(self, searcher, k, left_out=NOTHING_LEFT_OUT):
        ids = (self.query_ids, self.passage_ids, self.ties)
        return index_rankings(searcher, self.queries_QD, *ids, k=k, left_out=left_out)


@pytest.fixture
def make_world():
    return World


@pytest.fixture
def clustered():
    """1,500 unit vectors of size 16 in 20 clusters; 40 queries near passages."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(20, 16))
    passages = centres[random.integers(20, size=1500)] + 0.5 * random.normal(size=(1500, 16))
    queries = passages[random.integers(1500, size=40)] + 0.3 * random.normal(size=(40, 16))
    return World(*(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, passages)))


@pytest.fixture
def option():
    """The object that an option's file makes, by its name alone."""
    return lambda name: instantiate(OmegaConf.load(CONF / f"{name}.yaml"))
