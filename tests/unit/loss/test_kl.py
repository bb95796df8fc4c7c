import math

import pytest
import torch

from wrank.loss.infonce import InfoNCE
from wrank.loss.kl import KL

LN3 = math.log(3)


def test_value_by_hand(own_list):
    grades, layout = own_list([[LN3, 0.0]])  # T = 3/4, 1/4
    scores = torch.tensor([[0.0, LN3]], dtype=torch.float64)  # P = 1/4, 3/4
    output = KL(temperature=1.0)(scores, grades, **layout)
    assert output.loss.item() == pytest.approx(0.5 * LN3)
    assert output.parts["target_entropy"].item() == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))


def test_temperatures_divide_scores_and_grades(own_list):
    grades, layout = own_list([[2 * LN3, 0.0]])
    scores = torch.tensor([[0.0, 0.5 * LN3]], dtype=torch.float64)
    assert KL(temperature=0.5, label_temperature=2.0)(scores, grades, **layout).loss.item() == pytest.approx(0.5 * LN3)


@pytest.mark.parametrize(
    ("in_batch_target", "expected", "own_mass"),
    [("none", math.log(2), 1.0), ("graded_zero", 0.75 * math.log(1.5) + 0.25 * math.log(0.5), 0.75)],
)
def test_in_batch_target_decides_whether_other_passages_hold_mass(in_batch, in_batch_target, expected, own_mass):
    grades, layout = in_batch([[LN3], [LN3]])
    output = KL(temperature=1.0, in_batch_target=in_batch_target)(torch.zeros(2, 2).double(), grades, **layout)
    assert output.loss.item() == pytest.approx(expected)
    assert output.parts["own_target_mass"].item() == pytest.approx(own_mass)


def test_list_of_grade_zero_does_not_lift_its_passages_above_the_batch(in_batch):
    grades, layout = in_batch([[1.0, 0.0], [0.0, 0.0]])
    scores = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    output = KL(temperature=1.0)(scores, grades, **layout)
    output.loss.backward()
    assert output.parts["queries_used"].item() == 1
    assert scores.grad[1].abs().max() == 0
    assert scores.grad[0].abs().max() > 0


def test_one_positive_alone_is_infonce(in_batch):
    grades, layout = in_batch([[1.0], [1.0], [1.0]])
    scores = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = InfoNCE(temperature=0.7)(scores, grades, **layout).loss
    torch.testing.assert_close(KL(temperature=0.7)(scores, grades, **layout).loss, expected)


def test_published_values(assert_published):
    def compute(case, scores, grades, **layout):
        return KL(temperature=case["temperature"], in_batch_target="graded_zero")(scores, grades, **layout).loss

    assert_published("kl", compute)
