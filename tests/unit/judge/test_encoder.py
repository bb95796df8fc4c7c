"""The encoder as judge: similarities pair by pair."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.judge.encoder import Encoder
from wrank.model.bi_encoder import BiEncoder


@pytest.fixture(scope="module")
def model():
    return BiEncoder(source="random:tiny", pooling="mean", normalize=True, similarity="cosine")


def test_similarities_belong_to_their_pairs(model):
    judge = Encoder().use(model, "tiny", "f", "cpu")
    queries, passages = ["a tree", "a stone", "a tree"], ["green leaves", "a stone", "a tree"]
    scores = judge.similarity()(queries, passages)
    assert scores.shape == (3,)
    for query, passage, score in zip(queries, passages, scores, strict=True):
        alone = judge.similarity()([query], [passage])
        assert np.allclose(alone, score, atol=1e-5)
    assert scores[1] == pytest.approx(1.0, abs=1e-5)


def test_identity_is_the_encoders(model):
    assert Encoder().use(model, "tiny", "abc", "cpu").identity()["fingerprint"] == "abc"
    assert Encoder().use(model, "tiny", "abc", "cpu").title() == "tiny"


def test_batch_must_be_positive():
    with pytest.raises(WrankError, match="batch_tokens"):
        Encoder(batch_tokens=0)
