"""Stand-ins small enough to compute by hand: an encoder of one-letter words, and a collection in memory."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn


class LetterEncoder(nn.Module):
    """A text is letters; its vector counts a, b, c; a token is a letter's code."""

    dimension = 3

    def __init__(self, query_length=8, passage_length=8):
        super().__init__()
        self.query_length, self.passage_length = query_length, passage_length
        self.weight = nn.Parameter(torch.eye(3))
        self.batches = []
        self.modes = []

    def tokenize(self, texts, role):
        limit = self.query_length if role == "query" else self.passage_length
        return [[ord(letter) for letter in text][:limit] for text in texts]

    def count_truncated(self, token_ids, role):
        limit = self.query_length if role == "query" else self.passage_length
        return sum(len(ids) >= limit for ids in token_ids)

    def embed(self, token_ids, role, chunk=None):
        self.batches.append([len(ids) for ids in token_ids])
        self.modes.append((self.training, torch.is_grad_enabled()))
        counts = [[float(ids.count(ord(letter))) for letter in "abc"] for ids in token_ids]
        return (torch.tensor(counts) @ self.weight).float()


class MemoryTable:
    """Texts in a dict, with the reading interface of TextTable."""

    def __init__(self, texts):
        self.ids = list(texts)
        self.all_texts = list(texts.values())

    def __len__(self):
        return len(self.ids)

    def row(self, id):
        return self.ids.index(id)

    def find_many(self, ids):
        return np.array([self.ids.index(id) if id in self.ids else -1 for id in ids], dtype=np.int64)

    def texts(self, rows):
        return [self.all_texts[row] for row in rows]


@dataclass
class MemoryCollection:
    passages: MemoryTable
    queries: MemoryTable
    qrels: dict
    excluded: dict = field(default_factory=dict)


@pytest.fixture
def letter_encoder():
    return LetterEncoder


@pytest.fixture
def collection():
    """Query `one` (a) ranks p1 (3), p2 (2), p3 (1), p4 (0); query `two` (b) ranks p4 (2), then ties at 0."""
    return MemoryCollection(
        passages=MemoryTable({"p1": "aaa", "p2": "aa", "p3": "a", "p4": "bb"}),
        queries=MemoryTable({"unjudged": "c", "one": "a", "two": "b"}),
        qrels={"two": {"p4": 1}, "one": {"p2": 2, "p3": 1}},
    )
