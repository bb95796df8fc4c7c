import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.lambda_loss import LambdaLoss

ROW = [0.9, 0.1, -0.4, 0.3, 1.2, -0.8]
GRADES = [[1.0, 3.0, 0.0, 2.0, 0.0, 4.0]]
WEIGHTS = ["lambda_rank", "ndcg_loss2", "ndcg_loss2pp"]


def naive(scores, grades, weight, mu, gain=lambda g: 2**g - 1):
    """One query in double loops, scores without ties; every passage takes part."""
    n = len(grades)
    rank = [1 + sum(1 for j in range(n) if scores[j] > scores[i]) for i in range(n)]
    best = sum(gain(g) / math.log2(2 + place) for place, g in enumerate(sorted(grades, reverse=True)))
    total = torch.zeros((), dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            if grades[i] > grades[j]:
                rho = abs(1 / math.log2(1 + rank[i]) - 1 / math.log2(1 + rank[j]))
                apart = abs(rank[i] - rank[j])
                delta = 1 / math.log2(1 + apart) - 1 / math.log2(2 + apart)
                factor = {"lambda_rank": rho, "ndcg_loss2": delta, "ndcg_loss2pp": rho + mu * delta}[weight]
                worth = factor * (gain(grades[i]) - gain(grades[j])) / best
                total = total + worth * torch.log2(1 + torch.exp(scores[j] - scores[i]))
    return total


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("other_queries", ["leave_out", "grade_zero"])
def test_it_equals_a_double_loop_in_value_and_gradient(in_batch, weight, other_queries):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 2.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    settings = {"weight": weight, "mu": 4.0, "other_queries": other_queries}
    loss = LambdaLoss(temperature=0.6, **settings)(scores, grades, **layout).loss
    columns = [layout["own_BN"][i] if other_queries == "leave_out" else slice(None) for i in range(3)]
    each = [naive(scores[i][c] / 0.6, grades[i][c].tolist(), weight, 4.0) for i, c in enumerate(columns)]
    expected = sum(each) / 3
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


ALLRANK = {
    "lambda_rank": (
        2.7859769352900097,
        [0.269372230141, -0.247604024543, 0.037570952184, 0.006685471837, 0.863310434088, -0.929335063707],
    ),
    "ndcg_loss2": (
        1.038896103969018,
        [0.088568240338, -0.13168510118, 0.299722689067, 0.037147769023, 0.085169134728, -0.378922731975],
    ),
    "ndcg_loss2pp": (
        13.17493797498019,
        [1.155054633524, -1.564455036345, 3.034797842851, 0.378163162066, 1.715001781364, -4.71856238346],
    ),
}


@pytest.mark.parametrize("weight", WEIGHTS)
def test_value_and_gradient_of_allrank(own_list, weight):
    """The lambdaLoss (sigma 1, mu 10, log2, sum) of allRank 1.4.3 (Apache-2.0, PyPI), run once on these numbers."""
    grades, layout = own_list(GRADES)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss = LambdaLoss(temperature=1.0, weight=weight)(scores, grades, **layout).loss
    loss.backward()
    value, gradient = ALLRANK[weight]
    assert loss.item() == pytest.approx(value, rel=1e-6)
    assert scores.grad[0].tolist() == pytest.approx(gradient, abs=1e-6)


def test_lambda_rank_weight_is_the_change_of_ndcg_by_a_swap(own_list):
    grades, layout = own_list([[0.0, 2.0]])  # ndcg is 1 / log2(3) now, 1 when swapped
    scores = torch.tensor([[0.0, 0.0]], dtype=torch.float64)
    output = LambdaLoss(temperature=1.0, weight="lambda_rank")(scores, grades, **layout)  # log2(1 + 1) = 1
    assert output.loss.item() == pytest.approx(1 - 1 / math.log2(3))
    assert output.parts["ndcg"].item() == pytest.approx(1 / math.log2(3))


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_constant_score_gets_no_credit_and_a_gradient(own_list, weight):
    grades, layout = own_list([[3.0, 1.0, 0.0, 0.0]])
    scores = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    output = LambdaLoss(temperature=1.0, weight=weight)(scores, grades, **layout)
    output.loss.backward()
    first, second, *rest = scores.grad[0].tolist()
    assert first < 0
    assert second > first
    assert rest[0] == pytest.approx(rest[1])
    assert rest[0] > 0
    assert output.parts["ndcg"].item() < 0.7


def test_linear_gain(own_list):
    grades, layout = own_list(GRADES)
    scores = torch.tensor([ROW], dtype=torch.float64)
    loss = LambdaLoss(temperature=1.0, weight="lambda_rank", gain="linear")(scores, grades, **layout).loss
    torch.testing.assert_close(loss, naive(scores[0], GRADES[0], "lambda_rank", 0, gain=lambda g: g))


def test_query_without_gains_or_without_a_worse_passage_is_not_counted(own_list):
    grades, layout = own_list([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    output = LambdaLoss(temperature=1.0)(torch.randn(3, 2), grades, **layout)
    assert output.parts["queries_used"].item() == 1


@pytest.mark.parametrize("weight", WEIGHTS)
def test_gradient_is_the_derivative_with_the_weights_held(own_list, weight):
    grades, layout = own_list(GRADES)
    loss = LambdaLoss(temperature=0.5, weight=weight)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)


@pytest.mark.parametrize("option", [{"weight": "ndcg"}, {"mu": -1.0}, {"mu": math.inf}, {"gain": "log"}])
def test_unknown_choice_is_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        LambdaLoss(temperature=1.0, **option)
