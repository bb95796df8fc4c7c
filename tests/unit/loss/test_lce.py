import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE
from wrank.loss.lce import LCE


def test_it_is_the_softmax_cross_entropy_of_a_group_with_one_positive(own_list):
    grades, layout = own_list([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    loss = LCE(temperature=0.5)(scores, grades, **layout).loss
    expected = cross_entropy(scores / 0.5, torch.tensor([1, 3]))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


def test_value_by_hand_with_two_positives(own_list):
    grades, layout = own_list([[3.0, 1.0, 0.0, 0.0]])
    scores = torch.tensor([[4.0, 2.0, 1.0, 1.0]], dtype=torch.float64).log()
    loss = LCE(temperature=1.0)(scores, grades, **layout).loss
    assert loss.item() == pytest.approx((math.log(6 / 4) + math.log(4 / 2)) / 2)
    best = LCE(temperature=1.0, positives="best", other_positives="negative")(scores, grades, **layout).loss
    assert best.item() == pytest.approx(math.log(8 / 4))


def test_passages_of_other_queries_take_no_part(in_batch, own_list):
    own = torch.tensor([[0.1, 0.4, 0.2], [0.9, 0.3, 0.5]], dtype=torch.float64)
    grades, layout = own_list([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    wide_grades, wide_layout = in_batch(grades)
    wide = torch.full((2, 6), 7.0, dtype=torch.float64)
    wide[wide_layout["own_BN"]] = own.flatten()
    output, expected = (
        LCE(temperature=0.5)(wide, wide_grades, **wide_layout),
        LCE(temperature=0.5)(own, grades, **layout),
    )
    torch.testing.assert_close(output.loss, expected.loss)
    assert output.parts["passages_scored"].item() == 3
    assert InfoNCE(temperature=0.5)(wide, wide_grades, **wide_layout).loss > output.loss + 1


def test_query_without_an_own_negative_is_not_counted(in_batch):
    grades, layout = in_batch([[1.0, 1.0], [1.0, 0.0]])
    output = LCE(temperature=1.0)(torch.zeros(2, 4), grades, **layout)
    assert output.parts["queries_used"].item() == 1
    assert output.loss.item() == pytest.approx(math.log(2))


def test_gradient_is_the_derivative(in_batch):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    loss = LCE(temperature=0.5)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)


def test_unknown_choice_is_refused():
    with pytest.raises(WrankError, match=r"loss\.positives is 'some'"):
        LCE(temperature=1.0, positives="some")
