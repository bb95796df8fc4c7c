import math

import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.base import ListWiseLoss
from wrank.loss.sinkhorn import Sinkhorn, transport
from wrank.loss.w1_grade import W1Grade

GRADES = [3.0, 1.0, 0.0, 1.0]
SCORES = torch.tensor([[0.3, 0.5, -0.4, 0.1]], dtype=torch.float64)


def naive_transport(place, a, b, epsilon, power=1, steps=20_000):
    """Primal value by the plain scaling iterations of Cuturi, in numpy, with the entropy taken against a x b."""
    cost = np.abs(np.subtract.outer(place, place)) ** power
    kernel = np.exp(-cost / epsilon) * np.outer(a, b)
    u, v = np.ones_like(a), np.ones_like(b)
    for _ in range(steps):
        u = a / (kernel @ v)
        v = b / (kernel.T @ u)
    plan = u[:, None] * kernel * v[None]
    ratio = np.where(plan > 0, plan / np.outer(a, b), 1.0)
    return (plan * cost).sum() + epsilon * (plan * np.log(ratio)).sum()


def naive_divergence(place, a, b, epsilon, power=1):
    between, of_a, of_b = (naive_transport(place, *pair, epsilon, power) for pair in ((a, b), (a, a), (b, b)))
    return between - (of_a + of_b) / 2


def softmax(values):
    weights = np.exp(np.asarray(values))
    return weights / weights.sum()


@pytest.mark.parametrize(("epsilon", "power"), [(1.0, 1), (0.3, 1), (0.3, 2), (3.0, 2)])
def test_value_of_plain_scaling_iterations(own_list, epsilon, power):
    grades, layout = own_list([GRADES])
    loss = Sinkhorn(temperature=0.5, label_temperature=0.7, epsilon=epsilon, power=power, iterations=2000)
    expected = naive_divergence(
        np.array(GRADES), softmax(SCORES[0] / 0.5), softmax(np.array(GRADES) / 0.7), epsilon, power
    )
    assert loss(SCORES, grades, **layout).loss.item() == pytest.approx(expected, rel=1e-6)


def test_transport_between_two_points_by_hand():
    # all mass at 0 against all mass at 1: one plan only, which is the product of its sides; cost 1, entropy 0
    low = torch.finfo(torch.float64).min
    a, b = (torch.tensor([row], dtype=torch.float64) for row in ([0.0, low], [low, 0.0]))
    cost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    assert transport(cost, a, b, 0.5, 200).item() == pytest.approx(1.0)


def test_small_epsilon_is_the_exact_distance(own_list):
    grades, layout = own_list([GRADES])
    expected = W1Grade(temperature=0.5, smoothing=0.0)(SCORES, grades, **layout).loss.item()
    loss = Sinkhorn(temperature=0.5, epsilon=0.01, iterations=5000)
    assert loss(SCORES, grades, **layout).loss.item() == pytest.approx(expected, rel=0.02)


def test_large_epsilon_is_half_the_energy_distance(own_list):
    grades, layout = own_list([GRADES])
    p, t = softmax(SCORES[0]), softmax(GRADES)
    cost = np.abs(np.subtract.outer(GRADES, GRADES))
    expected = p @ cost @ t - (p @ cost @ p + t @ cost @ t) / 2
    loss = Sinkhorn(temperature=1.0, epsilon=1e4, iterations=50)
    assert loss(SCORES, grades, **layout).loss.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("in_batch_target", ["none", "graded_zero"])
@pytest.mark.parametrize("axis", ["grade", "rank"])
def test_merging_other_queries_passages_changes_nothing(in_batch, in_batch_target, axis):
    grades, layout = in_batch([[3.0, 1.0], [5.0, 5.0], [2.0, 0.0]])
    scores = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double()
    settings = {"temperature": 0.7, "label_temperature": 1.5, "in_batch_target": in_batch_target}
    d = ListWiseLoss(**settings).distributions(scores, grades, **layout)
    expected = []
    for row in range(3):
        place = grades[row].numpy()
        if axis == "rank":
            place = np.unique(place, return_inverse=True)[1].astype(float)
        keep = d.t_BN[row].numpy() > 0
        p, t = d.p_BN[row].numpy(), d.t_BN[row].numpy()
        tiny = np.where(keep, t, 1e-100)  # a mass of 0 would be 0 / 0 in the plain iterations
        expected.append(naive_divergence(place, p, tiny, 0.5))
    output = Sinkhorn(**settings, axis=axis, epsilon=0.5, iterations=1000)(scores, grades, **layout)
    assert output.loss.item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_rank_axis_reads_only_the_order_of_the_grades(own_list):
    values = []
    for grades in ([0.0, 1.0, 2.0, 1.0], [-4.0, 0.5, 90.0, 0.5]):
        grades, layout = own_list([grades])
        loss = Sinkhorn(temperature=0.5, label_temperature=1e6, axis="rank")  # T is uniform: only the axis differs
        values.append(loss(SCORES, grades, **layout).loss.item())
    assert values[0] == pytest.approx(values[1], rel=1e-3)


def test_padding_at_grade_zero_is_no_place_on_the_rank_axis(own_list):
    grades, layout = own_list([[2.0, 3.0, 0.0]])
    layout["valid_BN"] = torch.tensor([[True, True, False]])
    output = Sinkhorn(temperature=1.0, axis="rank")(torch.zeros(1, 3).double(), grades, **layout)
    assert output.parts["predicted_place"].item() == pytest.approx(0.5)


def test_mass_further_off_costs_more_and_within_a_grade_nothing(own_list):
    grades, layout = own_list([[3.0, 2.0, 0.0, 0.0]])
    loss = Sinkhorn(temperature=1.0, label_temperature=0.02)  # T is all on grade 3

    def at(place):
        return loss(60 * torch.nn.functional.one_hot(torch.tensor([place]), 4).double(), grades, **layout).loss.item()

    assert at(0) == pytest.approx(0, abs=1e-9)
    assert at(1) == pytest.approx(1, rel=1e-6)
    assert at(2) == pytest.approx(3, rel=1e-6) == at(3)


def test_confident_scores_keep_a_finite_gradient_where_pots_underflows(own_list):
    grades, layout = own_list([[3.0, 2.0, 1.0, 0.0]])
    scores = torch.tensor([[-1e4, 1e4, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = Sinkhorn(temperature=0.05)(scores, grades, **layout).loss
    loss.backward()
    assert loss.item() > 0
    assert scores.grad.isfinite().all()


def test_gradient_is_right_before_the_iterations_have_converged(own_list):
    grades, layout = own_list([GRADES, [0.0, 2.0, 1.0, 0.0]])
    loss = Sinkhorn(temperature=0.5, epsilon=0.05, iterations=7)
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda scores: loss(scores, grades, **layout).loss, scores)


@pytest.mark.parametrize(
    "option", [{"axis": "place"}, {"power": 3}, {"epsilon": 0.0}, {"iterations": 0}, {"epsilon": math.nan}]
)
def test_settings_that_make_no_sense_are_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        Sinkhorn(**{"temperature": 1.0, **option})
