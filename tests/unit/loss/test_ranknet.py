import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.ranknet import RankNet

ROW = [0.9, 0.1, -0.4, 0.3, 1.2, -0.8]
GRADES = [[1.0, 3.0, 0.0, 2.0, 0.0, 4.0]]


def naive(scores, grades, own, other_queries):
    """Mean over queries of the mean over pairs, one by one."""
    queries = []
    for row in range(len(scores)):
        terms = []
        for i in range(scores.shape[1]):
            for j in range(scores.shape[1]):
                inside = bool(own[row, j]) or other_queries == "grade_zero"
                if own[row, i] and inside and grades[row, i] > grades[row, j]:
                    terms.append(torch.log(1 + torch.exp(scores[row, j] - scores[row, i])))
        queries.append(sum(terms) / len(terms))
    return sum(queries) / len(queries)


def test_value_by_hand(own_list):
    grades, layout = own_list([[1.0, 0.0, 0.0]])
    scores = torch.tensor([[math.log(3), 0.0, math.log(9)]], dtype=torch.float64)
    output = RankNet(temperature=1.0)(scores, grades, **layout)
    assert output.loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert output.parts["accuracy"].item() == pytest.approx(0.5)
    assert output.parts["pairs"].item() == 2


@pytest.mark.parametrize("other_queries", ["leave_out", "grade_zero"])
def test_it_equals_a_double_loop_in_value_and_gradient(in_batch, other_queries):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 2.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    loss = RankNet(temperature=0.6, other_queries=other_queries)(scores, grades, **layout).loss
    expected = naive(scores / 0.6, grades, layout["own_BN"], other_queries)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


def test_value_and_gradient_of_allrank(own_list):
    """The rankNet of allRank 1.4.3 (Apache-2.0, PyPI), run once on these numbers."""
    grades, layout = own_list(GRADES)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss = RankNet(temperature=1.0)(scores, grades, **layout).loss
    loss.backward()
    gradient = [0.099468425203, -0.118332839394, 0.108728969459, -0.027737422995, 0.208317803054, -0.270444935327]
    assert loss.item() == pytest.approx(1.0817186832427979, rel=1e-6)
    assert scores.grad[0].tolist() == pytest.approx(gradient, abs=1e-6)


def test_a_query_counts_once_however_many_pairs_it_has(own_list):
    grades, layout = own_list([[3.0, 2.0, 1.0], [1.0, 0.0, 0.0]])
    scores = torch.tensor([[0.3, 0.2, 0.9], [0.1, 0.5, 0.4]], dtype=torch.float64)
    each = [
        RankNet(temperature=1.0)(scores[[i]], grades[[i]], **{n: m[[i]] for n, m in layout.items()}).loss
        for i in range(2)
    ]
    torch.testing.assert_close(RankNet(temperature=1.0)(scores, grades, **layout).loss, sum(each) / 2)


def test_query_without_pairs_is_not_counted_and_huge_margins_stay_finite(own_list):
    grades, layout = own_list([[1.0, 1.0], [1.0, 0.0]])
    scores = torch.tensor([[0.0, 1.0], [-1e4, 1e4]], requires_grad=True)
    output = RankNet(temperature=1.0)(scores, grades, **layout)
    output.loss.backward()
    assert output.loss.item() == pytest.approx(2e4)
    assert output.parts["queries_used"].item() == 1
    assert scores.grad.tolist() == [[0, 0], [-1, 1]]


def test_gradient_is_the_derivative(in_batch):
    grades, layout = in_batch([[2.0, 1.0], [0.0, 3.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    loss = RankNet(temperature=0.5)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)


def test_unknown_choice_is_refused():
    with pytest.raises(WrankError, match=r"loss\.other_queries is 'lowest'"):
        RankNet(temperature=1.0, other_queries="lowest")
