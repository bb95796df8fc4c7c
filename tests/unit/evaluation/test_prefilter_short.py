"""Searches that leave a query fewer passages than ranks: pairs left out, parts, small corpora; in both formats."""

import numpy as np
import pytest
import torch

from wrank.evaluation import search as search_module
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import LeftOut, merged, top_keys
from wrank.evaluation.vectors import InMemory

EMPTY = np.iinfo(np.int64).min


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"], autouse=True)
def _format(request, monkeypatch):
    monkeypatch.setattr(search_module, "product_format", lambda device: request.param)


def _rows(keys_QK, ties):
    return [ties.order_N[2**32 - 1 - (row[row != EMPTY] & (2**32 - 1))].tolist() for row in keys_QK]


def _sorted(queries, passages, gone, k):
    scores = queries.astype(np.float64) @ passages.T.astype(np.float64)
    scores[gone[:, 0], gone[:, 1]] = -np.inf
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [[row for row in rows.tolist() if scores[query, row] > -np.inf] for query, rows in enumerate(ranked)]


@pytest.mark.parametrize("k", [299, 300, 1000])
def test_a_query_with_a_passage_left_out_keeps_the_others(k):
    generator = np.random.default_rng(0)
    queries, passages = (generator.normal(size=(size, 24)).astype(np.float32) for size in (3, 300))
    ties, gone = Ties.of_order(np.arange(300, dtype=np.int32)), np.array([[0, 7], [0, 8], [2, 299]])
    keys = top_keys(queries, InMemory(passages), ties, k=k, left_out=LeftOut(gone))
    assert _rows(keys, ties) == _sorted(queries, passages, gone, k)


@pytest.mark.parametrize("k", [2999, 3000, 4000])
def test_parts_with_fewer_passages_than_ranks_give_the_whole(k):
    generator = np.random.default_rng(1)
    queries, passages = (generator.normal(size=(size, 16)).astype(np.float32) for size in (4, 3000))
    ties, vectors = Ties.of_order(np.arange(3000, dtype=np.int32)), InMemory(passages)
    parts = [top_keys(queries, vectors, ties, k=k, start=first, stop=first + 2048) for first in (0, 2048)]
    whole = top_keys(queries, vectors, ties, k=k)
    joined = merged(parts, min(k, 3000))
    assert joined.tolist() == whole.tolist()
    assert _rows(joined, ties) == _sorted(queries, passages, np.empty((0, 2), dtype=np.int64), k)


def test_a_query_without_any_passage_left_is_empty_and_its_neighbour_is_not():
    passages = np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    ties, gone = Ties.of_order(np.arange(5, dtype=np.int32)), np.array([[0, row] for row in range(5)])
    keys = top_keys(passages[:2], InMemory(passages), ties, k=3, left_out=LeftOut(gone))
    assert [len(rows) for rows in _rows(keys, ties)] == [0, 3]
