import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from wrank.errors import WrankError
from wrank.loss.w1_grade import W1Grade

LN3 = math.log(3)


def exact(**settings):
    return W1Grade(**{"temperature": 1.0, "smoothing": 0.0, **settings})


def test_value_by_hand(own_list):
    grades, layout = own_list([[LN3, 0.0]])  # T = 3/4, 1/4; half of the mass must move from 0 to ln 3
    scores = torch.tensor([[0.0, LN3]], dtype=torch.float64)  # P = 1/4, 3/4
    output = exact()(scores, grades, **layout)
    assert output.loss.item() == pytest.approx(0.5 * LN3)
    assert output.parts["predicted_grade"].item() == pytest.approx(0.25 * LN3)
    assert output.parts["target_grade"].item() == pytest.approx(0.75 * LN3)


@pytest.mark.parametrize("in_batch_target", ["none", "graded_zero"])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_exact_distance_with_in_batch_passages_at_grade_zero(in_batch, seed, in_batch_target):
    generator = torch.Generator().manual_seed(seed)
    grades, layout = in_batch(torch.randint(0, 4, (3, 5), generator=generator) + torch.tensor([1, 0, 0, 0, 0]))
    scores = torch.randn(grades.shape, generator=generator).double()
    blocked = grades if in_batch_target == "graded_zero" else grades.masked_fill(~layout["own_BN"], -torch.inf)
    p, t = scores.softmax(1), blocked.softmax(1)
    expected = [wasserstein_distance(g, g, u_weights=u, v_weights=v) for g, u, v in zip(grades, p, t, strict=True)]
    loss = exact(in_batch_target=in_batch_target)(scores, grades, **layout).loss
    assert loss.item() == pytest.approx(sum(expected) / 3)


def test_mass_on_a_farther_grade_costs_more(own_list):
    grades, layout = own_list([[3.0, 2.0, 0.0]])
    near, far = (torch.tensor([row], dtype=torch.float64) for row in ([0.0, 9.0, 0.0], [0.0, 0.0, 9.0]))
    loss = exact(label_temperature=0.1)
    assert loss(near, grades, **layout).loss.item() == pytest.approx(1.0, abs=1e-3)
    assert loss(far, grades, **layout).loss.item() == pytest.approx(3.0, abs=2e-3)


def test_equal_grades_are_one_point_so_sharing_mass_among_them_is_free(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0]])
    scores = torch.tensor([[1.5, 0.5, 0.2]], dtype=torch.float64, requires_grad=True)
    loss = exact()
    loss(scores, grades, **layout).loss.backward()
    p = scores.detach().softmax(1)
    shared = torch.stack([(p[:, 0] + p[:, 1]) / 2, (p[:, 0] + p[:, 1]) / 2, p[:, 2]], 1).log()
    torch.testing.assert_close(loss(shared, grades, **layout).loss, loss(scores, grades, **layout).loss)
    ratio = scores.grad[0, 0] / scores.grad[0, 1]  # only the sum of both counts, so each moves by its share of it
    torch.testing.assert_close(ratio, p[0, 0] / p[0, 1])


def test_without_smoothing_an_exact_hit_gives_no_nan_gradient(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    scores = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    output = exact(label_temperature=1e300)(scores, grades, **layout)  # P = T = 1/2 to the last bit
    output.loss.backward()
    assert output.loss.item() == 0
    assert scores.grad.tolist() == [[0, 0]]


def test_smoothing_silences_rounding_noise_at_the_minimum_and_costs_at_most_its_width(own_list):
    grades, layout = own_list([[3.0, 2.0, 1.0, 0.0]])
    scores = grades.float().requires_grad_()
    W1Grade(temperature=1.0, smoothing=1e-4)(scores, grades, **layout).loss.backward()
    assert scores.grad.abs().max() < 1e-2
    other = torch.tensor([[0.3, 0.1, 0.9, 0.2]], dtype=torch.float64)
    difference = exact()(other, grades, **layout).loss - W1Grade(temperature=1.0)(other, grades, **layout).loss
    assert 0 <= difference.item() <= 3e-4


def test_target_does_not_depend_on_the_batch(in_batch):
    masses = []
    for queries in (2, 16):
        grades, layout = in_batch([[3.0, 2.0, 1.0, 0.0]] * queries)
        output = exact()(torch.zeros(grades.shape).double(), grades, **layout)
        masses.append(output.parts["target_grade"].item())
    assert masses[0] == pytest.approx(masses[1])


@pytest.mark.parametrize("smoothing", [-0.1, 2.0, math.nan])
def test_smoothing_that_is_no_probability_is_refused(smoothing):
    with pytest.raises(WrankError, match=r"loss\.smoothing is"):
        W1Grade(temperature=1.0, smoothing=smoothing)
