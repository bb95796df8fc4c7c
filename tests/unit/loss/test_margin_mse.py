import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.extra import Extra
from wrank.loss.margin_mse import MarginMSE

GRADES = [[3.0, 1.0, 0.0, 3.0]]
SCORES = torch.tensor([[0.9, 0.4, 0.1, 0.3]], dtype=torch.float64)
TEACHER = torch.tensor([[8.0, 3.0, -4.0, 7.0]], dtype=torch.float64)


def naive(scores, teacher, temperature, teacher_temperature, pairs):
    total = sum(
        ((scores[i] - scores[j]) / temperature - (teacher[i] - teacher[j]) / teacher_temperature) ** 2 for i, j in pairs
    )
    return total / len(pairs)


@pytest.mark.parametrize(
    ("option", "pairs"),
    [("all", [(i, j) for i in range(4) for j in range(i)]), ("best", [(0, 1), (0, 2), (3, 1), (3, 2)])],
)
def test_value_and_gradient_of_a_loop_over_pairs(own_list, option, pairs):
    grades, layout = own_list(GRADES)
    scores = SCORES.clone().requires_grad_()
    loss = MarginMSE(temperature=0.1, teacher_temperature=2.0, pairs=option)
    actual = loss(scores, grades, **layout, extra=Extra(teacher_BN=TEACHER)).loss
    expected = naive(scores[0], TEACHER[0], 0.1, 2.0, pairs)
    torch.testing.assert_close(actual, expected)
    gradients = [torch.autograd.grad(value, scores)[0] for value in (actual, expected)]
    torch.testing.assert_close(*gradients)


def test_value_by_hand(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    extra = Extra(teacher_BN=torch.tensor([[5.0, 2.0]], dtype=torch.float64))  # margin 3; the scores' is 0.5 / 0.25 = 2
    scores = torch.tensor([[0.7, 0.2]], dtype=torch.float64)
    assert MarginMSE(temperature=0.25)(scores, grades, **layout, extra=extra).loss.item() == pytest.approx(1.0)


def test_value_of_sentence_transformers(own_list):
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    vectors = [torch.randn(3, 6, generator=torch.Generator().manual_seed(seed)).double() for seed in range(4)]
    query, positive, *negatives = vectors
    margins = torch.randn(3, 2, generator=torch.Generator().manual_seed(9)).double()
    peer = losses.MarginMSELoss(model=torch.nn.Identity())
    expected = peer.compute_loss_from_embeddings(vectors, margins)
    scores = torch.stack([(query * passage).sum(1) for passage in (positive, *negatives)], 1)
    teacher = torch.cat([torch.zeros(3, 1).double(), -margins], 1)  # so that positive - negative is the margin
    grades, layout = own_list([[1.0, 0.0, 0.0]] * 3)
    ours = MarginMSE(temperature=1.0, pairs="best")(scores, grades, **layout, extra=Extra(teacher_BN=teacher)).loss
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("pairs", ["all", "best"])
def test_any_shift_of_the_teachers_scores_is_a_minimum(own_list, pairs):
    grades, layout = own_list(GRADES)
    scores = (0.05 * TEACHER + 7).requires_grad_()
    output = MarginMSE(temperature=0.05, pairs=pairs)(scores, grades, **layout, extra=Extra(teacher_BN=TEACHER))
    output.loss.backward()
    assert output.loss.item() == pytest.approx(0, abs=1e-20)
    assert scores.grad.abs().max() < 1e-10
    assert output.parts["teacher_correlation"].item() == pytest.approx(1)


def test_passage_without_a_teachers_score_takes_no_part(own_list):
    grades, layout = own_list([[3.0, 2.0, 1.0, 0.0]])
    teacher = TEACHER.clone()
    teacher[0, 0] = torch.nan
    scores = SCORES.clone().requires_grad_()
    loss = MarginMSE(temperature=0.1, pairs="best")(scores, grades, **layout, extra=Extra(teacher_BN=teacher)).loss
    loss.backward()
    expected = naive(SCORES[0], TEACHER[0], 0.1, 1.0, [(1, 2), (1, 3)])  # grade 2 is now the best that has a score
    assert loss.item() == pytest.approx(expected.item())
    assert scores.grad[0, 0] == 0


@pytest.mark.parametrize(
    ("pairs", "grades", "teacher"),
    [("all", [1.0, 0.0], [2.0, math.nan]), ("best", [1.0, 1.0], [2.0, 1.0]), ("all", [1.0, 0.0], [math.nan, math.inf])],
)
def test_query_without_a_pair_is_not_counted(own_list, pairs, grades, teacher):
    grades, layout = own_list([grades])
    extra = Extra(teacher_BN=torch.tensor([teacher], dtype=torch.float64))
    output = MarginMSE(temperature=1.0, pairs=pairs)(torch.ones(1, 2).double(), grades, **layout, extra=extra)
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0


def test_teacher_scores_of_another_list_are_not_read(in_batch):
    grades, layout = in_batch([[1.0, 0.0], [1.0, 0.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).double()
    teacher = torch.arange(8.0).view(2, 4).double()
    expected = MarginMSE(temperature=1.0)(scores, grades, **layout, extra=Extra(teacher_BN=teacher)).loss
    blank = teacher.masked_fill(~layout["own_BN"], 1e6)
    actual = MarginMSE(temperature=1.0)(scores, grades, **layout, extra=Extra(teacher_BN=blank)).loss
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


@pytest.mark.parametrize("option", [{"pairs": "some"}, {"teacher_temperature": 0.0}, {"temperature": -1.0}])
def test_settings_that_make_no_sense_are_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        MarginMSE(**{"temperature": 1.0, **option})
