import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.bce_graded import BCEGraded

SETTINGS = {"max_grade": 3.0, "scale": 2.0, "bias": -1.0}


def entropy(y, p):
    return -y * math.log(p) - (1 - y) * math.log(1 - p)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("other", ["zero", "leave_out"])
def test_value_of_a_loop_over_passages(in_batch, other):
    grades, layout = in_batch([[3.0, 1.0], [2.0, 0.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).double()
    expected = []
    for row in range(2):
        own = range(2 * row, 2 * row + 2)
        columns = own if other == "leave_out" else range(4)
        each = [entropy(grades[row, j].item() / 3, sigmoid(2 * scores[row, j].item() - 1)) for j in columns]
        expected.append(sum(each) / len(each))
    output = BCEGraded(**SETTINGS, other_passages=other)(scores, grades, **layout)
    assert output.loss.item() == pytest.approx(sum(expected) / 2)
    assert output.parts["passages_scored"].item() == (4 if other == "zero" else 2)


def test_value_by_hand(own_list):
    grades, layout = own_list([[3.0, 0.0]])
    scores = torch.tensor([[0.5 + 0.5 * math.log(3), 0.5]], dtype=torch.float64)  # probabilities 3/4 and 1/2
    loss = BCEGraded(**SETTINGS)(scores, grades, **layout).loss
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_scores_that_mean_the_grades_are_a_minimum_in_scores_scale_and_bias(own_list):
    grades, layout = own_list([[2.0, 1.0], [1.5, 2.5]])
    loss = BCEGraded(**SETTINGS).double()
    scores = ((grades / 3).logit() + 1) / 2
    output = loss(scores.requires_grad_(), grades, **layout)
    output.loss.backward()
    for gradient in (scores.grad, loss.log_scale.grad, loss.bias.grad):
        assert gradient.abs().max() < 1e-7  # the parameters were float32
    assert output.loss.item() == pytest.approx(
        sum(entropy(y, y) for y in (grades / 3).detach().flatten().tolist()) / 4, rel=1e-6
    )


def test_gradient_of_scale_and_bias_is_the_derivative(in_batch):
    grades, layout = in_batch([[3.0, 1.0], [2.0, 0.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).double()
    loss = BCEGraded(**SETTINGS).double()

    def value(log_scale, bias):
        parameters = {"log_scale": log_scale, "bias": bias}
        return torch.func.functional_call(loss, parameters, (scores, grades), layout).loss

    assert torch.autograd.gradcheck(
        value, tuple(parameter.detach().requires_grad_() for parameter in loss.parameters())
    )


def test_scale_and_bias_learn_and_are_saved(own_list):
    grades, layout = own_list([[3.0, 0.0], [0.0, 3.0]])
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = BCEGraded(**SETTINGS)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    first = loss(scores, grades, **layout).loss.item()
    for _ in range(50):
        optimizer.zero_grad()
        output = loss(scores, grades, **layout)
        output.loss.backward()
        optimizer.step()
    assert output.loss.item() < 0.5 * first
    copy = BCEGraded(**SETTINGS)
    copy.load_state_dict(loss.state_dict())
    assert copy.temperature == loss.temperature != 0.5
    torch.testing.assert_close(copy(scores, grades, **layout).loss, loss(scores, grades, **layout).loss)


def test_learning_can_be_switched_off_and_settings_are_printed():
    loss = BCEGraded(**SETTINGS, learn=False)
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert repr(loss) == "BCEGraded(max_grade=3.0, other_passages='zero', scale=2, bias=-1)"


def test_grades_outside_the_scale_are_clipped_and_counted(own_list):
    grades, layout = own_list([[5.0, 3.0, 0.0, -1.0]])
    scores = torch.randn(1, 4, generator=torch.Generator().manual_seed(0)).double()
    output = BCEGraded(**SETTINGS)(scores, grades, **layout)
    assert output.parts["targets_clipped"].item() == pytest.approx(0.5)
    expected = BCEGraded(**SETTINGS)(scores, grades.clamp(0, 3), **layout)
    assert output.loss.item() == expected.loss.item()
    assert expected.parts["targets_clipped"].item() == 0


@pytest.mark.parametrize(
    "option", [{"max_grade": 0.0}, {"scale": -1.0}, {"bias": math.inf}, {"other_passages": "negative"}]
)
def test_settings_that_make_no_sense_are_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        BCEGraded(**{**SETTINGS, **option})
