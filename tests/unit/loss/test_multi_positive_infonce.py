import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE
from wrank.loss.kl import KL
from wrank.loss.multi_positive_infonce import MultiPositiveInfoNCE

FORMS = ["mean_outside", "sum_inside"]
SCORES = torch.tensor([[4.0, 2.0, 1.0, 1.0]], dtype=torch.float64).log()  # P = 1/2, 1/4, 1/8, 1/8


def naive(scores, grades, own, form):
    """Query by query, exponentials written out."""
    queries = []
    for s, g, o in zip(scores, grades, own, strict=True):
        positives = [i for i in range(len(s)) if o[i] and g[i] >= 1]
        total = sum(x.exp() for x in s)
        if form == "sum_inside":
            queries.append(-torch.log(sum(s[i].exp() for i in positives) / total))
        else:
            queries.append(-sum(torch.log(s[i].exp() / total) for i in positives) / len(positives))
    return sum(queries) / len(queries)


@pytest.mark.parametrize(
    ("form", "expected"),
    [("mean_outside", (math.log(2) + math.log(4)) / 2), ("sum_inside", math.log(4 / 3))],
)
def test_value_by_hand(own_list, form, expected):
    grades, layout = own_list([[3.0, 1.0, 0.0, 0.0]])
    output = MultiPositiveInfoNCE(temperature=1.0, form=form)(SCORES, grades, **layout)
    assert output.loss.item() == pytest.approx(expected)
    assert output.parts["positive_mass"].item() == pytest.approx(0.75)
    assert output.parts["positives"].item() == 2


@pytest.mark.parametrize("form", FORMS)
def test_it_equals_a_plain_loop_in_value_and_gradient(in_batch, form):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 2.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    loss = MultiPositiveInfoNCE(temperature=0.6, form=form)(scores, grades, **layout).loss
    expected = naive(scores / 0.6, grades, layout["own_BN"], form)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


@pytest.mark.parametrize("form", FORMS)
def test_with_one_positive_it_is_infonce(in_batch, form):
    grades, layout = in_batch([[1.0, 0.0], [0.0, 2.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(1)).double()
    loss = MultiPositiveInfoNCE(temperature=0.3, form=form)(scores, grades, **layout).loss
    torch.testing.assert_close(loss, InfoNCE(temperature=0.3)(scores, grades, **layout).loss)


def test_mean_outside_wants_all_positives_alike_and_sum_inside_any(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0]])
    even, one = (torch.tensor([row], dtype=torch.float64) for row in ([50.0, 50.0, 0.0], [90.0, 10.0, 0.0]))
    mean, inside = (MultiPositiveInfoNCE(temperature=1.0, form=form) for form in FORMS)
    assert mean(even, grades, **layout).loss.item() == pytest.approx(math.log(2))
    assert mean(one, grades, **layout).loss.item() == pytest.approx(40)
    assert inside(even, grades, **layout).loss.item() == pytest.approx(0, abs=1e-12)
    assert inside(one, grades, **layout).loss.item() == pytest.approx(0, abs=1e-12)


def test_mean_outside_is_the_cross_entropy_with_an_even_target_over_the_positives(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0, 0.0]])
    divergence = KL(temperature=1.0, label_temperature=0.01)(SCORES, grades, **layout).loss
    loss = MultiPositiveInfoNCE(temperature=1.0)(SCORES, grades, **layout).loss
    assert loss.item() == pytest.approx(divergence.item() + math.log(2))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("grades", [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
def test_query_without_positive_or_without_negative_is_not_counted(own_list, form, grades):
    levels, layout = own_list([grades])
    output = MultiPositiveInfoNCE(temperature=1.0, form=form)(SCORES, levels, **layout)
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_the_derivative_and_huge_scores_stay_finite(in_batch, form):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    scores = torch.randn(grades.shape, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    loss = MultiPositiveInfoNCE(temperature=0.5, form=form)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)
    output = loss(1e4 * scores.float(), grades, **layout)
    output.loss.backward()
    assert output.loss.isfinite()
    assert scores.grad.isfinite().all()


def test_unknown_form_is_refused():
    with pytest.raises(WrankError, match=r"loss\.form is 'sum'"):
        MultiPositiveInfoNCE(temperature=1.0, form="sum")
