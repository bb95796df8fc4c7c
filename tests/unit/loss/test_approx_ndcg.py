import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.approx_ndcg import ApproxNDCG

ROW = [0.9, 0.1, -0.4, 0.3, 1.2, -0.8]
GRADES = [[1.0, 3.0, 0.0, 2.0, 0.0, 4.0]]


def ndcg(ranks, grades):
    best = sum((2**g - 1) / math.log2(2 + place) for place, g in enumerate(sorted(grades, reverse=True)))
    return sum((2**g - 1) / torch.log2(1 + rank) for rank, g in zip(ranks, grades, strict=True)) / best


def naive(scores, grades, own):
    """One query in double loops: own passages ranked among all of ``scores``."""
    ranks = [
        1 + sum(1 / (1 + torch.exp(scores[i] - scores[j])) for j in range(len(scores)) if j != i)
        for i in range(len(scores))
    ]
    inside = [i for i in range(len(scores)) if own[i]]
    return 1 - ndcg([ranks[i] for i in inside], [grades[i].item() for i in inside])


def test_value_by_hand(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    scores = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)
    output = ApproxNDCG(temperature=1.0)(scores, grades, **layout)  # rank 1 + 3/4
    assert output.loss.item() == pytest.approx(1 - 1 / math.log2(2.75))
    assert output.parts["best_rank"].item() == pytest.approx(1.25)


@pytest.mark.parametrize("other_queries", ["leave_out", "grade_zero"])
def test_it_equals_a_double_loop_in_value_and_gradient(in_batch, other_queries):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 2.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    loss = ApproxNDCG(temperature=0.6, other_queries=other_queries)(scores, grades, **layout).loss
    own = layout["own_BN"]
    columns = [own[i] if other_queries == "leave_out" else torch.ones(9, dtype=torch.bool) for i in range(3)]
    expected = sum(naive(scores[i][c] / 0.6, grades[i][c], own[i][c]) for i, c in enumerate(columns)) / 3
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


@pytest.mark.parametrize(
    ("temperature", "value", "gradient"),
    [
        (
            1.0,
            -0.5163748775174057,
            [0.004909622501, -0.013173868964, 0.014580168685, 0.000403442866, 0.010154846116, -0.016874211204],
        ),
        (
            0.5,
            -0.5032954985029974,
            [0.000563672189, -0.018571713103, 0.02157839569, -0.000283167117, 0.010484120467, -0.013771308126],
        ),
    ],
)
def test_value_and_gradient_of_allrank(own_list, temperature, value, gradient):
    """The approxNDCGLoss (alpha 1 and 2) of allRank 1.4.3 (Apache-2.0, PyPI), which is minus ours plus 1, run once."""
    grades, layout = own_list(GRADES)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss = ApproxNDCG(temperature=temperature)(scores, grades, **layout).loss
    loss.backward()
    assert loss.item() - 1 == pytest.approx(value, rel=1e-6)
    assert scores.grad[0].tolist() == pytest.approx(gradient, abs=1e-7)


def test_a_small_temperature_gives_ndcg_itself(own_list):
    grades, layout = own_list(GRADES)
    ranks = [torch.tensor(float(rank)) for rank in (2, 4, 5, 3, 1, 6)]
    loss = ApproxNDCG(temperature=1e-3)(torch.tensor([ROW], dtype=torch.float64), grades, **layout).loss
    assert loss.item() == pytest.approx(1 - ndcg(ranks, GRADES[0]).item(), abs=1e-6)
    perfect = ApproxNDCG(temperature=1e-3)(grades, grades, **layout).loss
    assert perfect.item() == pytest.approx(0, abs=1e-9)


def test_gradient_dies_out_for_a_confident_wrong_order_as_the_docstring_says(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    gradients = []
    for temperature in (1e-3, 1.0):
        scores = torch.tensor([[0.0, 1.0]], dtype=torch.float64, requires_grad=True)
        ApproxNDCG(temperature=temperature)(scores, grades, **layout).loss.backward()
        gradients.append(scores.grad.abs().max().item())
    assert gradients[0] < 1e-12
    assert gradients[1] > 0.01


def test_linear_gain_and_queries_without_gains_or_worse_passages(own_list):
    grades, layout = own_list([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    output = ApproxNDCG(temperature=1.0, gain="linear")(torch.zeros(3, 3).double(), grades, **layout)
    best = 2 + 1 / math.log2(3)
    assert output.loss.item() == pytest.approx(1 - (3 / math.log2(3)) / best)  # every rank is 2
    assert output.parts["queries_used"].item() == 1


def test_gradient_is_the_derivative(in_batch):
    grades, layout = in_batch([[2.0, 1.0], [0.0, 3.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    loss = ApproxNDCG(temperature=0.5)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)


@pytest.mark.parametrize("option", [{"gain": "log"}, {"other_queries": "some"}])
def test_unknown_choice_is_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        ApproxNDCG(temperature=1.0, **option)
