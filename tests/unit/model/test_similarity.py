import pytest
import torch

from wrank.errors import WrankError
from wrank.model.similarity import similarity

QUERIES = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
PASSAGES = torch.tensor([[6.0, 8.0], [0.0, 2.0], [-1.0, 0.0]])


def test_dot_by_hand():
    assert similarity(QUERIES, PASSAGES, "dot").tolist() == [[50.0, 8.0, -3.0], [6.0, 0.0, -1.0]]


def test_cosine_by_hand():
    wanted = torch.tensor([[1.0, 0.8, -0.6], [0.6, 0.0, -1.0]])
    torch.testing.assert_close(similarity(QUERIES, PASSAGES, "cosine"), wanted)


def test_autocast_does_not_round_the_scores():
    queries = torch.tensor([[1.001, 0.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        score = similarity(queries, queries, "dot")
    assert score.dtype == torch.float32
    assert score.item() == pytest.approx(1.001**2, abs=1e-6)


def test_a_vector_of_zeros_scores_zero_and_not_nan():
    assert similarity(torch.zeros(1, 2), PASSAGES, "cosine").tolist() == [[0.0, 0.0, 0.0]]


def test_an_unknown_similarity_is_refused_and_the_known_ones_named():
    with pytest.raises(WrankError, match=r"euclidean.*cosine, dot"):
        similarity(QUERIES, PASSAGES, "euclidean")
