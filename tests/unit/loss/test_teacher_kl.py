import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.extra import Extra
from wrank.loss.kl import KL
from wrank.loss.teacher_kl import TeacherKL

LN3 = math.log(3)


def teacher(*rows):
    return Extra(teacher_BN=torch.tensor(rows, dtype=torch.float64))


def test_value_by_hand(own_list):
    grades, layout = own_list([[0.0, 0.0]])  # grades are not read
    scores = torch.tensor([[0.0, 0.5 * LN3]], dtype=torch.float64)  # P = 1/4, 3/4
    output = TeacherKL(temperature=0.5, teacher_temperature=2.0)(
        scores, grades, **layout, extra=teacher([2 * LN3, 0.0])
    )
    assert output.loss.item() == pytest.approx(0.5 * LN3)  # T = 3/4, 1/4
    assert output.parts["teacher_entropy"].item() == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))


def test_value_and_gradient_of_torchs_divergence_as_cadet_calls_it(own_list):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 5, generator=generator).double().requires_grad_()
    t = torch.rand(3, 5, generator=generator).double()
    divergence = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
    expected = divergence((scores / 0.05).log_softmax(1), (t / 0.3).log_softmax(1))
    grades, layout = own_list([[0.0] * 5] * 3)
    loss = TeacherKL(temperature=0.05, teacher_temperature=0.3)
    actual = loss(scores, grades, **layout, extra=Extra(teacher_BN=t)).loss
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, scores)[0] for value in (actual, expected)))


@pytest.mark.parametrize(("other", "expected"), [("leave_out", math.log(1)), ("negative", math.log(2))])
def test_other_queries_passages_are_left_out_or_have_target_zero(in_batch, other, expected):
    grades, layout = in_batch([[1.0, 0.0], [1.0, 0.0]])
    teachers = teacher([2.0, 2.0, math.nan, math.nan], [math.nan, math.nan, 0.0, 0.0])
    scores = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    output = TeacherKL(temperature=1.0, other_passages=other)(scores, grades, **layout, extra=teachers)
    output.loss.backward()
    assert output.loss.item() == pytest.approx(expected, abs=1e-12)
    assert output.parts["passages_scored"].item() == (2 if other == "leave_out" else 4)
    others = scores.grad[~layout["own_BN"]]
    assert (others == 0).all() if other == "leave_out" else (others > 0).all()


def test_passage_without_a_teachers_score_is_neither_positive_nor_negative(own_list):
    grades, layout = own_list([[2.0, 1.0, 0.0]])
    scores = torch.tensor([[0.0, LN3, 5.0]], dtype=torch.float64, requires_grad=True)
    for other in ("leave_out", "negative"):
        loss = TeacherKL(temperature=1.0, other_passages=other)
        output = loss(scores, grades, **layout, extra=teacher([LN3, 0.0, math.nan]))
        assert output.loss.item() == pytest.approx(0.5 * LN3)
        assert torch.autograd.grad(output.loss, scores)[0][0, 2] == 0


def test_list_with_one_scored_passage_is_not_counted(own_list):
    grades, layout = own_list([[1.0, 0.0], [1.0, 0.0]])
    scores = torch.tensor([[0.0, LN3], [9.0, 0.0]], dtype=torch.float64)
    output = TeacherKL(temperature=1.0)(scores, grades, **layout, extra=teacher([LN3, 0.0], [1.0, math.nan]))
    assert output.parts["queries_used"].item() == 1
    assert output.loss.item() == pytest.approx(0.5 * LN3)


def test_grades_as_the_teachers_scores_give_kl(in_batch):
    grades, layout = in_batch([[3.0, 1.0, 0.0], [2.0, 0.0, 1.0]])
    scores = torch.randn(2, 6, generator=torch.Generator().manual_seed(0)).double()
    expected = KL(temperature=0.7, label_temperature=1.3)(scores, grades, **layout).loss
    loss = TeacherKL(temperature=0.7, teacher_temperature=1.3, other_passages="negative")
    extra = Extra(teacher_BN=grades.masked_fill(~layout["own_BN"], torch.nan))
    torch.testing.assert_close(loss(scores, grades, **layout, extra=extra).loss, expected)


@pytest.mark.parametrize("option", [{"other_passages": "zero"}, {"teacher_temperature": 0.0}])
def test_settings_that_make_no_sense_are_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        TeacherKL(**{"temperature": 1.0, **option})
