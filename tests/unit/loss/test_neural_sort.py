import itertools

import pytest
import torch

from wrank.loss.neural_sort import NeuralSort

ROW = [0.9, 0.1, -0.4, 0.3, 1.2, -0.8]
LEVELS = [1.0, 3.0, 0.0, 2.0, 5.0, 4.0]


def relaxed_permutation(scores):
    """P-hat of one list, row by row from the definition."""
    n = len(scores)
    rows = []
    for rank in range(1, n + 1):
        logits = [(n + 1 - 2 * rank) * scores[j] - sum((scores[j] - s).abs() for s in scores) for j in range(n)]
        rows.append(torch.stack(logits).softmax(0))
    return torch.stack(rows)


def naive(scores, grades):
    matrix, wanted = relaxed_permutation(scores), sorted(grades, reverse=True)
    mass = [sum(matrix[r, j] for j in range(len(grades)) if grades[j] == wanted[r]) for r in range(len(grades))]
    return -torch.stack(mass).log().mean()


@pytest.mark.parametrize("grades", [LEVELS, [1.0, 3.0, 0.0, 2.0, 0.0, 3.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
def test_it_equals_the_definition_in_value_and_gradient(own_list, grades):
    levels, layout = own_list([grades])
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    loss, expected = NeuralSort(temperature=0.7)(scores, levels, **layout).loss, naive(scores[0] / 0.7, grades)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, expected)))


@pytest.mark.parametrize(("temperature", "value"), [(1.0, 2.7755696773529053), (0.5, 4.402477264404297)])
def test_cross_entropy_of_the_matrix_of_allrank(own_list, temperature, value):
    """The deterministic_neural_sort of allRank 1.4.3 (after the authors' code), run once; the right entries' -log."""
    levels, layout = own_list([LEVELS])
    loss = NeuralSort(temperature=temperature)(torch.tensor([ROW]).double(), levels, **layout).loss
    assert loss.item() == pytest.approx(value, rel=1e-5)


def test_value_by_hand(own_list):
    """Two passages: the rows are softmax(s) and softmax(-s), so each rank costs log(1 + exp(-(s_1 - s_2)))."""
    levels, layout = own_list([[1.0, 0.0]])
    scores = torch.tensor([[0.8, 0.3]], dtype=torch.float64)
    output = NeuralSort(temperature=1.0)(scores, levels, **layout)
    assert output.loss.item() == pytest.approx(torch.log1p(torch.exp(torch.tensor(-0.5))).item())
    assert output.parts["top_mass"].item() == pytest.approx(torch.tensor(0.5).sigmoid().item())


def test_the_right_order_far_apart_costs_nothing_and_any_other_does(own_list):
    levels, layout = own_list([[2.0, 1.0, 0.0, 0.0]])
    values = {}
    for order in itertools.permutations([0.0, 1.0, 2.0, 3.0]):
        scores = torch.tensor([order], dtype=torch.float64)
        values[order] = NeuralSort(temperature=0.05)(scores, levels, **layout).loss.item()
    right = {(3.0, 2.0, 0.0, 1.0), (3.0, 2.0, 1.0, 0.0)}
    assert all((value < 1e-6) == (order in right) for order, value in values.items())


def test_lists_of_different_lengths_and_other_queries(in_batch):
    levels, layout = in_batch([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    layout["valid_BN"] = layout["valid_BN"].clone()
    layout["valid_BN"][0, 2] = False
    scores = torch.randn(2, 6, generator=torch.Generator().manual_seed(5)).double()
    output = NeuralSort(temperature=0.5)(scores, levels, **layout)
    each = [naive(scores[0, :2] / 0.5, [2.0, 1.0]), naive(scores[1, 3:] / 0.5, [0.0, 3.0, 1.0])]
    torch.testing.assert_close(output.loss, sum(each) / 2)


def test_query_whose_passages_all_have_one_grade_is_not_counted(own_list):
    levels, layout = own_list([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    output = NeuralSort(temperature=1.0)(torch.randn(2, 3), levels, **layout)
    assert output.parts["queries_used"].item() == 1


def test_gradient_is_the_derivative(own_list):
    levels, layout = own_list([[1.0, 3.0, 0.0, 2.0, 0.0, 3.0]])
    loss = NeuralSort(temperature=0.5)
    scores = torch.tensor([ROW], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(s, levels, **layout).loss, scores)
