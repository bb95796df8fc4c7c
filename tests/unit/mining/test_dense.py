"""The dense miner held against a plain matrix product."""

import numpy as np
import pytest
import torch
from torch import nn

from wrank.errors import WrankError
from wrank.mining.dense import DenseMiner

DIMENSION = 8


class TableEncoder(nn.Module):
    """A text is a number; its vector is a row of a table."""

    dimension = DIMENSION

    def __init__(self, rows):
        super().__init__()
        self.table = torch.from_numpy(rows)
        self.batches = 0

    def tokenize(self, texts, role):
        return [[int(text)] for text in texts]

    def count_truncated(self, token_ids, role):
        return 0

    def embed(self, token_ids, role):
        self.batches += 1
        return self.table[[ids[0] for ids in token_ids]]


@pytest.fixture
def queries_vectors():
    """Whole numbers, so that products are exact and ties real."""
    generator = np.random.default_rng(0)
    return [generator.integers(-2, 3, size=(count, DIMENSION)).astype(np.float32) for count in (7, 60)]


@pytest.fixture
def collection(make_collection):
    passages = {f"d{row:02d}": f"text {row}" for row in range(60)}
    return make_collection(passages, {f"q{row}": str(row) for row in range(7)}, {"q0": {"d00": 1}})


def opened(collection, tools, chunk=4096):
    miner = DenseMiner(chunk)
    miner.open(collection, tools)
    return miner


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("depth", [1, 10, 200])
def test_ranking_is_that_of_a_matrix_product_with_ties_by_ascending_row(
    collection, make_tools, queries_vectors, chunk, depth
):
    queries, vectors = queries_vectors
    miner = opened(collection, make_tools(TableEncoder(queries), vectors), chunk)
    rows = np.array([6, 0, 3, 1, 2])
    scores = queries[rows] @ vectors.T
    rankings = list(miner.rank(collection, rows, depth))
    assert [ranking.query_row for ranking in rankings] == rows.tolist()
    ties = 0
    for ranking, own in zip(rankings, scores, strict=True):
        order = np.argsort(-own, kind="stable")[:depth]
        assert ranking.rows.tolist() == order.tolist()
        assert ranking.scores.tolist() == own[order].tolist()
        ties += depth > 1 and len(set(own[order].tolist())) < len(order)
    assert ties or depth == 1


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_single_pairs_are_dot_products(collection, make_tools, queries_vectors, chunk):
    queries, vectors = queries_vectors
    miner = opened(collection, make_tools(TableEncoder(queries), vectors), chunk)
    query_rows, passage_rows = np.array([6, 6, 0, 3]), np.array([59, 0, 5, 5])
    wanted = (queries[query_rows] * vectors[passage_rows]).sum(axis=1)
    assert miner.score_pairs(collection, query_rows, passage_rows).tolist() == wanted.tolist()


def test_queries_of_a_chunk_are_encoded_once_for_ranking_and_pairs(collection, make_tools, queries_vectors):
    encoder = TableEncoder(queries_vectors[0])
    miner = opened(collection, make_tools(encoder, queries_vectors[1]))
    rows = np.array([4, 2])
    list(miner.rank(collection, rows, 3))
    miner.score_pairs(collection, np.array([4, 4, 2]), np.array([0, 1, 2]))
    assert encoder.batches == 1
    list(miner.rank(collection, np.array([2, 4]), 3))
    assert encoder.batches == 2


def test_chunk_below_one_is_refused():
    with pytest.raises(WrankError, match=r"miner\.chunk is 0"):
        DenseMiner(0)


def test_ranking_before_opening_is_refused(collection):
    with pytest.raises(WrankError, match="open comes before rank"):
        list(DenseMiner().rank(collection, np.array([0]), 1))
