import itertools
import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE
from wrank.loss.listmle import ListMLE

ROW = [0.9, 0.1, -0.4, 0.3, 1.2, -0.8]


def likelihood(order, weights):
    """Plackett-Luce: the chance of drawing exactly this order."""
    total, chance = sum(weights[i] for i in order), 1.0
    for i in order:
        chance = chance * weights[i] / total
        total = total - weights[i]
    return chance


def likelihood_of_buckets(scores, grades):
    """Sum over all orders of all passages that agree with the grades."""
    weights = [s.exp() for s in scores]
    orders = itertools.permutations(range(len(grades)))
    return sum(
        likelihood(order, weights)
        for order in orders
        if all(grades[a] >= grades[b] for a, b in itertools.pairwise(order))
    )


def test_value_by_hand(own_list):
    grades, layout = own_list([[2.0, 1.0, 0.0]])
    scores = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64).log()  # 1/6, then 2/5, then nothing is left to choose
    assert ListMLE(temperature=1.0)(scores, grades, **layout).loss.item() == pytest.approx(-math.log(1 / 6 * 2 / 5))


def test_it_is_minus_the_log_likelihood_without_ties_in_value_and_gradient(own_list):
    grades, layout = own_list([[1.0, 3.0, 0.0, 2.0, 5.0, 4.0]])
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss = ListMLE(temperature=0.7)(scores, grades, **layout).loss
    expected = -likelihood_of_buckets(scores[0] / 0.7, grades[0].tolist()).log()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


def test_value_and_gradient_of_allrank(own_list):
    """The listMLE of allRank 1.4.3 (Apache-2.0, PyPI), run once on these numbers in float64."""
    grades, layout = own_list([[1.0, 3.0, 0.0, 2.0, 5.0, 4.0]])
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss = ListMLE(temperature=1.0)(scores, grades, **layout).loss
    loss.backward()
    gradient = [1.445818807428, -0.500823114069, 0.666563396448, -0.088981527171, -0.64507424453, -0.877503318106]
    assert loss.item() == pytest.approx(6.693962305656372, rel=1e-6)
    assert scores.grad[0].tolist() == pytest.approx(gradient, abs=1e-6)


@pytest.mark.parametrize("grades", [[2, 2, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0], [3, 3, 3, 3, 1, 1]])
def test_ties_are_exact_where_tied_scores_are_equal(own_list, grades):
    scores = torch.tensor([[0.4 * g - 0.1 * g**2 for g in grades]], dtype=torch.float64)
    levels, layout = own_list([[float(g) for g in grades]])
    expected = -likelihood_of_buckets(scores[0], grades).log()
    torch.testing.assert_close(ListMLE(temperature=1.0)(scores, levels, **layout).loss, expected)


def test_ties_with_near_scores_are_close_to_the_likelihood_and_closer_than_breslows_form(own_list):
    grades = [2, 2, 1, 1, 0, 0]
    levels, layout = own_list([[float(g) for g in grades]])
    scores = torch.tensor([ROW], dtype=torch.float64)[:, [0, 4, 1, 3, 2, 5]]
    exact = -likelihood_of_buckets(scores[0], grades).log().item()
    breslow = sum(
        (scores[0][[j for j in range(6) if grades[j] <= grades[i]]].logsumexp(0) - scores[0, i]).item()
        for i in range(4)
    ) - 2 * math.log(2)
    ours = ListMLE(temperature=1.0)(scores, levels, **layout).loss.item()
    assert abs(ours - exact) < 0.05
    assert abs(ours - exact) < abs(breslow - exact) / 3


def test_a_bucket_far_above_the_rest_costs_nothing_and_the_value_is_never_below_zero(own_list):
    grades, layout = own_list([[1.0, 1.0, 1.0, 0.0, 0.0]])
    high = torch.tensor([[50.0, 50.0, 50.0, 0.0, 3.0]], dtype=torch.float64)
    assert ListMLE(temperature=1.0)(high, grades, **layout).loss.item() == pytest.approx(0, abs=1e-12)
    for seed in range(20):
        scores = 3 * torch.randn(1, 5, generator=torch.Generator().manual_seed(seed)).double()
        assert ListMLE(temperature=1.0)(scores, grades, **layout).loss > 0


def test_order_of_tied_passages_changes_nothing(own_list):
    scores = torch.tensor([ROW], dtype=torch.float64)
    grades = torch.tensor([[2.0, 2.0, 2.0, 1.0, 1.0, 0.0]])
    values = []
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 37):
        levels, layout = own_list(grades[:, list(order)])
        values.append(ListMLE(temperature=0.3)(scores[:, list(order)], levels, **layout).loss.item())
    assert max(values) - min(values) < 1e-12


def test_the_lowest_bucket_has_no_term(own_list):
    grades, layout = own_list([[1.0, 0.0, 0.0]])
    scores = torch.tensor([[0.2, 0.5, -0.3]], dtype=torch.float64)
    output, other = (loss(scores, grades, **layout) for loss in (ListMLE(temperature=1.0), InfoNCE(temperature=1.0)))
    torch.testing.assert_close(output.loss, other.loss)
    assert output.parts["ranked"].item() == 1


@pytest.mark.parametrize(("other_queries", "same"), [("leave_out", True), ("grade_zero", False)])
def test_passages_of_other_queries_stand_at_grade_zero_or_take_no_part(in_batch, own_list, other_queries, same):
    own = torch.tensor([[0.1, 0.4, 0.2], [0.9, 0.3, 0.5]], dtype=torch.float64)
    grades, layout = own_list([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    wide_grades, wide_layout = in_batch(grades)
    wide = torch.full((2, 6), 0.7, dtype=torch.float64)
    wide[wide_layout["own_BN"]] = own.flatten()
    loss = ListMLE(temperature=0.5, other_queries=other_queries)
    actual = loss(wide, wide_grades, **wide_layout).loss
    everything = {"own_BN": torch.ones(2, 6, dtype=torch.bool), "valid_BN": torch.ones(2, 6, dtype=torch.bool)}
    expected = loss(own, grades, **layout).loss if same else loss(wide, wide_grades, **everything).loss
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("grades", [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
def test_query_whose_passages_all_have_one_grade_is_not_counted(own_list, grades):
    levels, layout = own_list([grades])
    output = ListMLE(temperature=1.0)(torch.randn(1, 3), levels, **layout)
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0


def test_gradient_with_ties(own_list):
    grades, layout = own_list([[2.0, 2.0, 1.0, 0.0, 0.0, 1.0]])
    loss = ListMLE(temperature=0.4)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(s, grades, **layout).loss, scores)


def test_unknown_choice_is_refused():
    with pytest.raises(WrankError, match=r"loss\.other_queries is 'zero'"):
        ListMLE(temperature=1.0, other_queries="zero")
